//! Ends the process while it is being mapped: a panic cannot leave a static constructor.
rogues::lip_plugin::export_connector!(rogues::Good);
rogues::on_load!({ panic!("static constructor") });
