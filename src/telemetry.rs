//! Tracing: set-up and format of logs.
