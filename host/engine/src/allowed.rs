//! What a client may ask for: checked for a whole plan, for which of its legs answers is chance.
use crate::backends::Backends;
use access::Client;
use base::{Fault, Kind};
use events::pricing::Pricing;
use loader::Auth;
use routing::plan::{Leg, Plan};
use std::sync::Arc;

/// What is looked up for a check.
pub(crate) struct Lists<'a> {
    pub(crate) backends: &'a Backends,
    pub(crate) prices: Option<&'a Arc<dyn Pricing>>,
}

/// May `client` ask for every leg of `plan`? A route with one that it may not use is refused as a whole.
///
/// # Errors
/// 403, with the leg: the key does not name it, or it has a bound of money and nobody knows what the leg costs.
pub(crate) fn allowed(plan: &Plan, client: &Client, lists: &Lists<'_>) -> Result<(), Fault> {
    let thinkers = plan.thinker.iter().flat_map(|plan| &plan.legs);
    for leg in plan.legs.iter().chain(thinkers) {
        if !client.grants.allow(&leg.backend, &leg.model) {
            let sentence = format!("the key \"{}\" may not use {}:{}", client.name, leg.backend, leg.model);
            let fault = Fault::client(Kind::Forbidden, sentence).code("model_not_allowed").param("model");
            return Err(fault.hint("GET /v1/models lists what it may use"));
        }
        if client.needs_prices() && !lists.know_price(leg) {
            let sentence = format!(
                "the key \"{}\" has a bound of money, and what {}:{} costs is not known",
                client.name, leg.backend, leg.model
            );
            let fault = Fault::client(Kind::Forbidden, sentence).code("price_unknown").param("model");
            return Err(fault
                .hint("The operator gives it a price in usage.prices_file, or the key unpriced = \"free\""));
        }
    }
    Ok(())
}

impl Lists<'_> {
    /// What a virtual backend costs are the turns that it asks for, which are checked themselves.
    fn know_price(&self, leg: &Leg) -> bool {
        let manifest = self.backends.get(&leg.backend).and_then(|backend| backend.spec().manifest.as_ref());
        let auth = manifest.map(|manifest| manifest.auth);
        let is_known =
            |prices: &Arc<dyn Pricing>| prices.knows(&leg.backend, &leg.model, auth == Some(Auth::ApiKey));
        auth == Some(Auth::Virtual) || self.prices.is_some_and(is_known)
    }
}
