//! The chip: an applet that is personalised over SCP03 and pays by EMV.
