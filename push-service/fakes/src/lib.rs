//! Stand-ins for Apple's and Google's push servers, for tests and the demo: real TLS, real HTTP/2, their rules enforced.
