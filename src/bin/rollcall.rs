//! The one program of the product: operator, connector, records service, local runs.

fn main() {}
