//! A good connector, and a macro for ones that are good but for one part.
use lip_plugin::{Connector, Create, Ctx, HttpRequest, Model, Passage, Result, Turn};
use lip_testkit::conformance::Sample;

pub(crate) const BASE: &str = "https://api.acme.example/v1";
pub(crate) const MANIFEST: &str = r#"{"id": "acme", "title": "Acme", "dialects": ["openai-chat"], "auth": "api-key",
    "env": {"api_key": "ACME_API_KEY"}, "egress": ["api.acme.example"], "reads_secret": true}"#;

pub(crate) fn post(base: &str, turn: &Turn) -> HttpRequest {
    HttpRequest::post(format!("{base}/chat/completions")).bearer("api_key").json(turn.body.clone())
}

pub(crate) fn get(base: &str) -> HttpRequest {
    HttpRequest::get(format!("{base}/models")).bearer("api_key")
}

pub(crate) const fn plain() -> Sample {
    Sample::new(r#"{"choices":[]}"#, r#"{"data":[{"id":"m"}]}"#)
}

/// A connector that is good but for the parts given.
#[macro_export]
macro_rules! connector {
    ($name:ident $(, manifest: $manifest:expr)? $(, create($with:ident) $create:block)? $(, turn($me:ident, $cx:ident, $turn:ident) $body:block)?
        $(, models($mcx:ident) $models:block)? $(, count($ccx:ident, $cturn:ident) $count:block)? $(, passages($pme:ident) $passages:block)?
        $(, other($ocx:ident) $other:block)? $(, status: $status:expr)?) => {
        struct $name(String);
        impl Connector for $name {
            const MANIFEST: &'static str = connector!(@or MANIFEST $(, $manifest)?);
            fn create(with: Create<'_>) -> Result<Self> {
                $(let $with = &with; $create)?
                Ok(Self(with.base_url(BASE)?))
            }
            #[allow(unreachable_code, unused_variables, reason = "a part may end early")]
            async fn turn(&self, cx: Ctx, turn: Turn) -> Result<()> {
                $(let ($me, $cx, $turn) = (self, &cx, &turn); $body)?
                cx.http(post(&self.0, &turn)).await?.splice();
                Ok(())
            }
            #[allow(unreachable_code, reason = "a part may end early")]
            async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
                $(let $mcx = &cx; $models)?
                Model::from_openai_list(&cx.http(get(&self.0)).await?.bytes().await?)
            }
            $(async fn count_tokens(&self, cx: Ctx, turn: Turn) -> Result<()> {
                let ($ccx, $cturn) = (&cx, &turn);
                $count
            })?
            $(fn passages(&self) -> Vec<Passage> {
                let $pme = self;
                $passages
            })?
            $(fn status(&self) -> Value {
                $status
            })?
            $(async fn other(&self, cx: Ctx, _: String, _: Turn) -> Result<()> {
                let $ocx = &cx;
                $other
                Ok(())
            })?
        }
    };
    (@or $default:expr) => { $default };
    (@or $default:expr, $given:expr) => { $given };
}

connector!(Unharmed, models(cx) {
    let list = cx.http(get(BASE)).await?.success().await?.bytes().await?;
    return Model::from_openai_list(&list);
});

/// Good in all.
pub(crate) struct Good(Unharmed);

impl Connector for Good {
    const MANIFEST: &'static str = MANIFEST;
    fn create(with: Create<'_>) -> Result<Self> {
        Unharmed::create(with).map(Self)
    }
    fn passages(&self) -> Vec<Passage> {
        let request = HttpRequest::post(format!("{}/chat/completions", self.0.0)).bearer("api_key");
        vec![Passage::new("openai-chat", request)]
    }
    async fn models(&self, cx: Ctx) -> Result<Vec<Model>> {
        self.0.models(cx).await
    }
}
