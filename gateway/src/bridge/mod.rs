//! Where the two legs of a call meet. Neither leg's messages come in here, only what they mean, so nothing of one leg can
//! reach the other but what the enums of [`courier_call`] name.

pub mod courier_call;
#[cfg(test)]
mod tests;
