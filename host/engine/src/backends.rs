//! All backends of a configuration, and what becomes of them when they are described anew.
use crate::backend::{Backend, BackendSpec};
use base::{Fault, Kind};
use std::sync::Arc;

/// All backends of a configuration, in its order.
#[derive(Debug, Default)]
pub struct Backends {
    list: Vec<Arc<Backend>>,
    default: Option<usize>,
}

/// What a new description of all backends has changed, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swapped {
    /// There was none of this name.
    pub added: Vec<String>,
    /// Its description or its library is another one.
    pub replaced: Vec<String>,
    /// Nothing about it has changed: it goes on with all that it knows.
    pub kept: Vec<String>,
    /// There is none of this name any more.
    pub removed: Vec<String>,
}

impl Backends {
    /// These backends, in this order; `default` by name.
    ///
    /// # Errors
    /// A fault that lists the names when `default` is none of them.
    pub fn new(specs: Vec<BackendSpec>, default: Option<&str>) -> Result<Self, Fault> {
        Self::of(specs.into_iter().map(|spec| Arc::new(Backend::new(spec))).collect(), default)
    }

    fn of(list: Vec<Arc<Backend>>, default: Option<&str>) -> Result<Self, Fault> {
        let default = match default {
            None => None,
            Some(name) => Some(list.iter().position(|b| b.name() == name).ok_or_else(|| {
                let known: Vec<_> = list.iter().map(|b| b.name()).collect();
                let fault = Fault::host(Kind::NotFound, format!("there is no backend \"{name}\""));
                fault.hint(format!("Known backends: {}", known.join(", ")))
            })?),
        };
        Ok(Self { list, default })
    }

    /// These backends in place of the old ones. One that is described as before stays the one that it is.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn exchanged(
        &self,
        specs: Vec<BackendSpec>,
        default: Option<&str>,
    ) -> Result<(Self, Swapped), Fault> {
        let mut swapped = Swapped::default();
        let mut list = Vec::with_capacity(specs.len());
        for spec in specs {
            let name = spec.name.clone();
            let backend = match self.get(&name) {
                Some(old) if old.spec().is_same(&spec) => {
                    swapped.kept.push(name);
                    if spec.logged_out.is_none() {
                        old.is_logged_in();
                    }
                    Arc::clone(old)
                }
                Some(_) => {
                    swapped.replaced.push(name);
                    Arc::new(Backend::new(spec))
                }
                None => {
                    swapped.added.push(name);
                    Arc::new(Backend::new(spec))
                }
            };
            list.push(backend);
        }
        let new = Self::of(list, default)?;
        let gone = self.list.iter().filter(|old| new.get(old.name()).is_none());
        swapped.removed = gone.map(|old| old.name().to_owned()).collect();
        Ok((new, swapped))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.list.iter()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The one named `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<Backend>> {
        self.list.iter().find(|b| b.name() == name)
    }

    /// Where a turn goes that names no backend.
    pub fn default(&self) -> Option<&Arc<Backend>> {
        self.list.get(self.default?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::spec;

    #[test]
    fn default_must_be_a_backend() {
        let backends = Backends::new(vec![spec("a", &[])], Some("a")).expect("known");
        assert_eq!(backends.default().map(|b| b.name()), Some("a"));
        assert!(Backends::new(vec![], Some("zzz")).is_err());
    }

    #[test]
    fn backend_that_is_described_as_before_stays() {
        let old = Backends::new(["a", "b", "c"].map(|name| spec(name, &[])).into(), None).expect("backends");
        let specs = vec![spec("d", &[]), spec("b", &["other.test"]), spec("a", &[])];
        let (new, swapped) = old.exchanged(specs, Some("b")).expect("backends");
        let words = |names: &[String]| names.join(" ");
        let Swapped { added, replaced, kept, removed } = swapped;
        assert_eq!([added, replaced, kept, removed].map(|names| words(&names)), ["d", "b", "a", "c"]);
        let is_same = |name: &str| match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            _ => false,
        };
        assert!(is_same("a") && !is_same("b"));
        assert_eq!(new.iter().map(|b| b.name()).collect::<Vec<_>>(), ["d", "b", "a"]);
        assert!(old.exchanged(vec![], Some("a")).is_err());
    }

    #[test]
    fn login_changes_what_is_missing_and_nothing_else() {
        let logged_out = |sentence: Option<&str>| BackendSpec {
            missing: None,
            logged_out: sentence.map(str::to_owned),
            ..spec("a", &[])
        };
        let old = Backends::new(vec![logged_out(Some("nobody"))], None).expect("a backend");
        let missing = || old.get("a").and_then(|backend| backend.missing().map(str::to_owned));
        for (told, wanted) in [(Some("nobody is"), Some("nobody")), (None, None), (Some("nobody"), None)] {
            let (_, swapped) = old.exchanged(vec![logged_out(told)], None).expect("a backend");
            assert_eq!((swapped.kept.len(), missing().as_deref()), (1, wanted));
        }
    }
}
