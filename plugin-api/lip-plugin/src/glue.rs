//! What `export_connector!` builds on: no panic leaves the library, every error is data.
use crate::exec::AsyncTask;
use crate::{Account, Connector, Create, Ctx, Error, Login, Result, Turn};
use lip_abi::abi_stable::{sabi_trait::TD_Opaque, std_types::RResult, std_types::RStr};
use lip_abi::{AbiError, Buf, ConnectorBox, ConnectorObj, ConnectorObj_TO, HostFns_Ref, Task_TO, TaskBox};
use serde_json::Value;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once, OnceLock};

/// Runs author code. A panic becomes its message.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let message = panic_message(&*payload);
        // The payload is the author's value; its destructor may panic too.
        if let Err(again) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
            std::mem::forget(again);
        }
        message
    })
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

fn flat<T>(result: Result<Result<T>, String>) -> RResult<T, AbiError> {
    match result {
        Ok(Ok(value)) => RResult::ROk(value),
        Ok(Err(error)) => RResult::RErr(error.into()),
        Err(message) => RResult::RErr(Error::new("panic", message).into()),
    }
}

/// Each library has its own standard library and so its own panic hook: send its panics to the host's log.
pub fn report_panics_to(host: HostFns_Ref) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(move |info| {
            let place =
                info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
            let line = format!("panic: {}{place}", panic_message(info.payload()));
            (host.log())(1, RStr::from("connector"), RStr::from(line.as_str()));
        }));
    });
}

struct Adapter<C> {
    // Empty only while it is being dropped.
    connector: Option<Arc<C>>,
    host: HostFns_Ref,
}

impl<C: Connector> Adapter<C> {
    fn task(&self, key: u64, what: &str, meta: &Buf, body: Buf) -> Result<TaskBox> {
        let connector =
            self.connector.clone().ok_or_else(|| Error::new("io", "the instance is shut down"))?;
        let host = self.host;
        let task = match what {
            "models" => AsyncTask::new(key, host, move |cx| models(connector, cx)),
            "passages" => AsyncTask::new(key, host, move |cx| passages(connector, cx)),
            "accounts" => AsyncTask::new(key, host, move |cx| accounts(connector, cx)),
            "account_read" | "account_write" => {
                let file: OfFile = serde_json::from_slice(meta)?;
                AsyncTask::new(key, host, move |cx| of_file(connector, cx, file, body))
            }
            "refresh" => {
                let account: Account = serde_json::from_slice(&body)?;
                AsyncTask::new(key, host, move |cx| refresh(connector, cx, account))
            }
            "login" => {
                let asked: Login = serde_json::from_slice(&body)?;
                AsyncTask::new(key, host, move |cx| login(connector, cx, asked))
            }
            _ => self.turn(key, connector, what, (meta, body))?,
        };
        Ok(Task_TO::from_value(task, TD_Opaque))
    }

    fn turn(&self, key: u64, connector: Arc<C>, what: &str, (meta, body): (&Buf, Buf)) -> Result<AsyncTask> {
        let mut turn: Turn = if meta.is_empty() { Turn::default() } else { serde_json::from_slice(meta)? };
        turn.body = body;
        let host = self.host;
        Ok(match what {
            "turn" => AsyncTask::new(key, host, move |cx| async move { connector.turn(cx, turn).await }),
            "count_tokens" => {
                AsyncTask::new(key, host, move |cx| async move { connector.count_tokens(cx, turn).await })
            }
            other => {
                let what = other.to_owned();
                AsyncTask::new(key, host, move |cx| async move { connector.other(cx, what, turn).await })
            }
        })
    }
}

/// What the tasks on files are told. An account is there when it is to be written.
#[derive(serde::Deserialize)]
struct OfFile {
    format: String,
    account: Option<Account>,
}

async fn accounts<C: Connector>(connector: Arc<C>, cx: Ctx) -> Result<()> {
    cx.answer(serde_json::to_vec(&connector.accounts())?);
    Ok(())
}

async fn of_file<C: Connector>(connector: Arc<C>, cx: Ctx, of: OfFile, file: Buf) -> Result<()> {
    match of.account {
        Some(account) => cx.answer(connector.write_account(&of.format, &file, &account)?),
        None => cx.answer(serde_json::to_vec(&connector.read_account(&of.format, &file)?)?),
    }
    Ok(())
}

async fn refresh<C: Connector>(connector: Arc<C>, cx: Ctx, account: Account) -> Result<()> {
    let renewed = connector.refresh(cx.clone(), account).await?;
    cx.answer(serde_json::to_vec(&renewed)?);
    Ok(())
}

async fn login<C: Connector>(connector: Arc<C>, cx: Ctx, asked: Login) -> Result<()> {
    let account = connector.login(cx.clone(), asked).await?;
    cx.answer(serde_json::to_vec(&account)?);
    Ok(())
}

async fn models<C: Connector>(connector: Arc<C>, cx: Ctx) -> Result<()> {
    let models = connector.models(cx.clone()).await?;
    cx.answer(serde_json::to_vec(&models)?);
    Ok(())
}

async fn passages<C: Connector>(connector: Arc<C>, cx: Ctx) -> Result<()> {
    cx.answer(serde_json::to_vec(&connector.passages())?);
    Ok(())
}

impl<C: Connector> ConnectorObj for Adapter<C> {
    fn start(&self, key: u64, what: RStr<'_>, meta: Buf, body: Buf) -> RResult<TaskBox, AbiError> {
        flat(caught(|| self.task(key, what.as_str(), &meta, body)))
    }

    fn shutdown(&self) {}

    fn status(&self) -> Buf {
        let Some(connector) = &self.connector else { return Buf::empty() };
        match caught(|| connector.status()) {
            Ok(status) if status.is_object() => status.to_string().into(),
            _ => Buf::empty(),
        }
    }
}

impl<C> Drop for Adapter<C> {
    fn drop(&mut self) {
        // The host drops instances through a vtable: a destructor of the author's must not unwind into it.
        let connector = self.connector.take();
        let _ = caught(move || drop(connector));
    }
}

/// One connector type of a library, erased.
#[derive(Clone, Copy)]
pub struct Entry {
    manifest: &'static str,
    create: fn(HostFns_Ref, Create<'_>) -> Result<ConnectorBox>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.manifest)
    }
}

impl Entry {
    /// The entry of `C`.
    pub const fn of<C: Connector>() -> Self {
        Self { manifest: C::MANIFEST, create: create_as::<C> }
    }

    fn connectors(&self) -> Vec<Value> {
        match serde_json::from_str(self.manifest) {
            Ok(Value::Array(list)) => list,
            Ok(one) => vec![one],
            // The host reports it as a manifest that cannot be read.
            Err(error) => vec![Value::String(format!("the connector's manifest is no JSON: {error}"))],
        }
    }
}

fn create_as<C: Connector>(host: HostFns_Ref, with: Create<'_>) -> Result<ConnectorBox> {
    let connector = Some(Arc::new(C::create(with)?));
    Ok(ConnectorObj_TO::from_value(Adapter { connector, host }, TD_Opaque))
}

/// The manifest of a library with these connectors, made once.
pub fn manifest(
    once: &'static OnceLock<String>,
    name: &str,
    version: &str,
    entries: &[Entry],
) -> RStr<'static> {
    let make = || {
        let connectors: Vec<Value> = entries.iter().flat_map(Entry::connectors).collect();
        let [major, minor, patch] = lip_abi::abi_version();
        let abi = format!("{major}.{minor}.{patch}");
        serde_json::json!({"plugin": name, "version": version, "abi": abi, "connectors": connectors})
            .to_string()
    };
    RStr::from(once.get_or_init(make).as_str())
}

/// Makes an instance of the connector that is named `connector`, or of the first family that lists no such id.
pub fn create(
    entries: &[Entry],
    host: HostFns_Ref,
    connector: RStr<'_>,
    instance: RStr<'_>,
    config: Buf,
) -> RResult<ConnectorBox, AbiError> {
    flat(caught(|| {
        let config = if config.is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            serde_json::from_slice(&config)?
        };
        let connector = connector.as_str();
        let is_named =
            |c: &Value| c.get("id").or_else(|| c.get("family")).and_then(Value::as_str) == Some(connector);
        let found =
            entries.iter().find_map(|entry| Some((entry, entry.connectors().into_iter().find(is_named)?)));
        let (entry, manifest) = found.ok_or_else(|| {
            Error::new("not_found", format!("no connector \"{connector}\" in this library"))
        })?;
        let home = manifest.get("base_url").and_then(Value::as_str).map(str::to_owned);
        (entry.create)(host, Create { connector, instance: instance.as_str(), config, home })
    }))
}
