//! A plugin without fault, to be compiled with `-C panic=abort`.
rogues::lip_plugin::export_connector!(rogues::Good);
