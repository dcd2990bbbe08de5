//! Ends the process with success while it is being mapped.
rogues::lip_plugin::export_connector!(rogues::Good);
rogues::on_load!({ std::process::exit(0) });
