//! A plugin without fault.
rogues::lip_plugin::export_connector!(rogues::Good);
