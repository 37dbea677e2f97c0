//! The core between apps, a carrier, a store and a media plane that are all made up, in virtual time.

mod actions;
mod media;
mod store;
mod world;

mod commands;
mod courier_calls;
mod customer_calls;
mod lost_connections;
mod messages;
mod mid_call;
mod reconnecting_while_it_rings;
mod registrar;
mod storm;
mod storm_leaks;
mod storm_steps;
mod transfers;
mod trunk;
mod wakeable_devices;
mod wakes;
