// Fakes for the tests of apps.
