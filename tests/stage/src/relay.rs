//! A wire whose far end is chosen later: how a host is pointed at itself, whose port nobody knows before it runs.
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Hands on bytes between its own port and another.
pub struct Relay {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    /// A relay that leads nowhere yet: connections wait.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let target = watch::Sender::new(None);
        let lead = target.subscribe();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut lead = lead.clone();
                connections.spawn(async move {
                    let Ok(to) = lead.wait_for(Option::is_some).await.map(|to| to.expect("a target")) else {
                        return;
                    };
                    let mut far = TcpStream::connect(to).await.expect("the far end");
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { address, target, _tasks: tasks }
    }

    /// `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Leads to `address` from now on.
    pub fn lead_to(&self, address: SocketAddr) {
        self.target.send_replace(Some(address));
    }
}
