//! Model objects of Anthropic. Source: Anthropic API reference, "List models" and "Get a model".
use super::{Named, parameter};
use serde_json::{Value, json};

const PAGE_MAX: usize = 1000;

/// One page: `limit` (20 by default), `after_id`, `before_id`.
pub(super) fn list(named: &[Named], query: Option<&str>) -> Value {
    let limit = parameter(query, "limit").and_then(|n| n.parse().ok()).unwrap_or(20_usize).clamp(1, PAGE_MAX);
    let place = |name: &str| {
        let id = parameter(query, name)?;
        named.iter().position(|named| named.id == id || named.id.replace(':', "%3A") == id)
    };
    let page = match (place("after_id"), place("before_id")) {
        (Some(after), _) => named.get(after + 1..).unwrap_or_default(),
        (None, Some(before)) => named.get(before.saturating_sub(limit)..before).unwrap_or_default(),
        (None, None) => named,
    };
    let data: Vec<Value> = page.iter().take(limit).map(object).collect();
    let id = |value: Option<&Value>| value.and_then(|v| v.get("id")).cloned().unwrap_or(Value::Null);
    json!({
        "first_id": id(data.first()),
        "last_id": id(data.last()),
        "has_more": page.len() > limit,
        "data": data,
    })
}

pub(super) fn object(named: &Named) -> Value {
    json!({
        "type": "model",
        "id": named.id,
        "display_name": named.model.title.as_deref().unwrap_or(&named.id),
        "created_at": rfc3339(named.model.created.unwrap_or(0)),
        "max_input_tokens": named.model.context_tokens,
        "max_tokens": named.model.output_tokens,
    })
}

/// Seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to civil date, with eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Model;

    #[test]
    fn dates_are_civil() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(rfc3339(1_795_638_035), "2026-11-25T20:20:35Z");
    }

    #[test]
    fn pages_follow_each_other() {
        let named: Vec<Named> =
            (0..45).map(|n| Named { id: format!("m{n:02}"), model: Model::default() }).collect();
        let first = list(&named, None);
        assert_eq!((first["last_id"].as_str(), first["has_more"].as_bool()), (Some("m19"), Some(true)));
        let last = list(&named, Some("after_id=m39&limit=20"));
        assert_eq!((last["first_id"].as_str(), last["has_more"].as_bool()), (Some("m40"), Some(false)));
        assert_eq!(list(&named, Some("before_id=m05&limit=2"))["first_id"], "m03");
    }
}
