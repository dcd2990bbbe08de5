//! Never comes back from being mapped.
rogues::lip_plugin::export_connector!(rogues::Good);
rogues::on_load!({
    loop {
        std::thread::park();
    }
});
