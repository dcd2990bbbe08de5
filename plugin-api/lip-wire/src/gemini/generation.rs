//! `generationConfig`: sampling, length, shape of the output, thinking.
use super::{GEMINI, request_in::keep, schema::to_json_schema, thinking, wire};
use crate::{
    canon::{Fields, Json, Native, OutputFormat, Request, Sampling},
    codec::{CodecError, Object, RequestOptions, Str},
    loss::Losses,
};

/// Where unknown fields of `generationConfig` are kept.
const CONFIG: &str = "generationConfig";
/// The schema as it came in `responseSchema`.
const SCHEMA: &str = "lip_response_schema";
const JSON_MIME: &str = "application/json";

/// Reads the object.
pub(super) fn decode(config: wire::GenerationConfig<'_>, request: &mut Request) -> Result<(), CodecError> {
    request.sampling = Sampling {
        temperature: config.temperature,
        top_p: config.top_p,
        top_k: config.top_k.map(|n| n.0),
        max_output_tokens: config.max_output_tokens.map(|n| n.0),
        stop: config.stop.into_iter().flatten().map(Str::into_owned).collect(),
        seed: config.seed,
        presence_penalty: config.presence_penalty,
        frequency_penalty: config.frequency_penalty,
        n: config.candidate_count,
        logprobs: config.response_logprobs,
        top_logprobs: config.logprobs,
        logit_bias: None,
    };
    let modalities = config.modalities.into_iter().flatten();
    request.modalities = modalities.map(|word| word.as_str().to_ascii_lowercase()).collect();
    request.reasoning = config.thinking.map(thinking::decode);
    if let Some(raw) = config.schema.filter(|_| config.json_schema.is_none()) {
        request.extensions.set(GEMINI, SCHEMA, Json::from(raw));
    }
    let schema = config.json_schema.or_else(|| config.schema.map(to_json_schema));
    request.format = decode_format(config.mime.as_ref().map(Str::as_str), schema);
    keep(request, CONFIG, config.rest);
    Ok(())
}

fn decode_format(mime: Option<&str>, schema: Option<Json>) -> Option<OutputFormat> {
    Some(match (mime, schema) {
        (None, None) => return None,
        (None | Some(JSON_MIME), Some(schema)) => {
            OutputFormat::JsonSchema { name: None, description: None, schema: Some(schema), strict: None }
        }
        (Some(JSON_MIME), None) => OutputFormat::JsonObject,
        (Some("text/plain"), None) => OutputFormat::Text,
        (Some(mime), schema) => {
            let mut raw = Fields::new();
            raw.set("responseMimeType", Json::of(mime));
            if let Some(schema) = schema {
                raw.set("responseJsonSchema", schema);
            }
            OutputFormat::Native(Native { dialect: GEMINI, raw: Json::of(&raw) })
        }
    })
}

/// Writes the object, if it holds something.
pub(super) fn encode(
    request: &Request,
    options: &RequestOptions,
    body: &mut Object<'_>,
    losses: &mut Losses,
) {
    let rest = request.extensions.get(GEMINI, CONFIG).and_then(Json::read::<Fields>);
    let mut config = Vec::new();
    crate::codec::object(&mut config, |object| {
        encode_sampling(&request.sampling, object, losses);
        encode_format(request, object, losses);
        let modalities: Vec<String> = request.modalities.iter().map(|m| m.to_ascii_uppercase()).collect();
        object.list("responseModalities", &modalities);
        thinking::encode(request, options, object, losses);
        object.fields(rest.as_ref());
    });
    if config.len() > "{}".len()
        && let Ok(config) = std::str::from_utf8(&config)
    {
        body.raw(CONFIG, config);
    }
}

fn encode_sampling(sampling: &Sampling, object: &mut Object<'_>, losses: &mut Losses) {
    let Sampling {
        temperature,
        top_p,
        top_k,
        max_output_tokens,
        stop,
        seed,
        presence_penalty,
        frequency_penalty,
        n,
        logprobs,
        top_logprobs,
        logit_bias,
    } = sampling;
    object.opt("temperature", *temperature);
    object.opt("topP", *top_p);
    object.opt("topK", *top_k);
    object.opt("maxOutputTokens", *max_output_tokens);
    object.list("stopSequences", stop);
    object.opt("seed", *seed);
    object.opt("presencePenalty", *presence_penalty);
    object.opt("frequencyPenalty", *frequency_penalty);
    object.opt("candidateCount", *n);
    object.opt("responseLogprobs", *logprobs);
    object.opt("logprobs", *top_logprobs);
    losses.unless_absent(logit_bias.as_ref(), "sampling.logit_bias", "no such field in this dialect");
}

/// JSON Schema goes into `responseJsonSchema`, which takes it whole; what came in `responseSchema` goes back there.
fn encode_format(request: &Request, object: &mut Object<'_>, losses: &mut Losses) {
    match &request.format {
        None => {}
        Some(OutputFormat::Text) => object.put("responseMimeType", "text/plain"),
        Some(OutputFormat::JsonObject) => object.put("responseMimeType", JSON_MIME),
        Some(OutputFormat::JsonSchema { name, description, schema, strict: _ }) => {
            // `strict` is what the API always does.
            losses.unless_absent(name.as_ref(), "format.name", "no names of schemas");
            losses.unless_absent(description.as_ref(), "format.description", "no descriptions of schemas");
            object.put("responseMimeType", JSON_MIME);
            if let Some(schema) = schema {
                encode_schema(request, schema, object);
            }
        }
        Some(OutputFormat::Native(native)) if native.dialect == GEMINI => {
            let fields = native.raw.read::<Fields>().unwrap_or_default();
            object.opt("responseMimeType", fields.get("responseMimeType"));
            if let Some(schema) = fields.get("responseJsonSchema") {
                encode_schema(request, schema, object);
            }
        }
        Some(OutputFormat::Native(_)) => losses.dropped("format", "format of another dialect"),
    }
}

fn encode_schema(request: &Request, schema: &Json, object: &mut Object<'_>) {
    let came = request.extensions.get(GEMINI, SCHEMA);
    let unchanged = came.filter(|came| came.read().map(to_json_schema).as_ref() == Some(schema));
    match unchanged {
        Some(came) => object.raw("responseSchema", came.get()),
        None => object.raw("responseJsonSchema", schema.get()),
    }
}

/// Names of extensions of a request that are written inside `generationConfig`.
pub(super) const INSIDE: [&str; 2] = [CONFIG, SCHEMA];
