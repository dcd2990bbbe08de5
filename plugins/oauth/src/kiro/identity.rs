//! Who an account belongs to, and so who renews its token. What is kept with an account has the names of the vault's records.
use lip_plugin::Account;

/// Names of what is kept with an account.
pub(crate) mod key {
    pub(crate) const KIND: &str = "auth_method";
    pub(crate) const REGION: &str = "region";
    pub(crate) const START_URL: &str = "start_url";
    pub(crate) const CLIENT_ID: &str = "client_id";
    pub(crate) const CLIENT_SECRET: &str = "client_secret";
    /// Seconds since 1970.
    pub(crate) const CLIENT_ENDS: &str = "client_secret_expires_at";
    pub(crate) const PROFILE: &str = "profile_arn";
    /// It was asked for, and there is none.
    pub(crate) const NO_PROFILE: &str = "no_profile";
    pub(crate) const TOKEN_URL: &str = "token_endpoint";
    pub(crate) const ISSUER: &str = "issuer_url";
}

/// The kinds of identity that Kiro knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person's AWS Builder ID. It has no profile.
    BuilderId,
    /// An organisation's IAM Identity Center.
    Idc,
    /// Google or GitHub, through Kiro's own service.
    Social,
    /// An organisation's Entra or Okta, logged in to by Kiro's IDE.
    External,
    /// A key of the portal.
    ApiKey,
}

impl Kind {
    /// As it is kept, or as Kiro's programs spell it. What is unknown renews its token as AWS's identities do.
    pub(crate) fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().replace(['_', '-'], "").as_str() {
            "social" | "google" | "github" => Self::Social,
            "externalidp" => Self::External,
            "apikey" => Self::ApiKey,
            "idc" | "iamsso" | "enterprise" | "internal" => Self::Idc,
            _ => Self::BuilderId,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::BuilderId => "builderid",
            Self::Idc => "idc",
            Self::Social => "social",
            Self::External => "external_idp",
            Self::ApiKey => "api_key",
        }
    }

    /// The header that says so, where the service has to be told.
    pub(crate) const fn token_type(self) -> Option<&'static str> {
        match self {
            Self::External => Some("EXTERNAL_IDP"),
            Self::ApiKey => Some("API_KEY"),
            Self::BuilderId | Self::Idc | Self::Social => None,
        }
    }

    pub(crate) fn of_account(account: &Account) -> Self {
        Self::of(account.field(key::KIND))
    }
}

/// Is it a profile of Amazon's, as far as its form says? An invented one is refused as a malformed request.
pub(crate) fn is_profile(arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let [a, b, c, region, owner, name] = parts[..] else { return false };
    let is_word = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    (a, b, c) == ("arn", "aws", "codewhisperer")
        && is_word(region, "-")
        && !owner.is_empty()
        && owner.bytes().all(|b| b.is_ascii_digit())
        && name.strip_prefix("profile/").is_some_and(|name| is_word(name, "._-"))
}

/// The region that a profile is of.
pub(crate) fn region_of(arn: &str) -> Option<&str> {
    if is_profile(arn) { arn.split(':').nth(3) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_many_spellings() {
        for (words, kind) in [
            (&["builderid", "BuilderId", ""][..], Kind::BuilderId),
            (&["IdC", "idc", "iamsso", "Enterprise"], Kind::Idc),
            (&["social", "Google", "Github"], Kind::Social),
            (&["external_idp", "ExternalIdp"], Kind::External),
            (&["api_key", "API_KEY"], Kind::ApiKey),
        ] {
            for word in words {
                assert_eq!(Kind::of(word), kind, "{word}");
            }
            assert_eq!(Kind::of(kind.word()), kind);
        }
    }

    #[test]
    fn profiles_have_a_form() {
        let good = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/AB.c_d-9";
        assert_eq!((is_profile(good), region_of(good)), (true, Some("eu-central-1")));
        for bad in [
            "",
            "arn:aws:codewhisperer:us-east-1:1:profile/",
            "arn:aws:s3:us-east-1:1:profile/a",
            "arn:aws:codewhisperer::1:profile/a",
            "arn:aws:codewhisperer:us-east-1:x:profile/a",
            "arn:aws:codewhisperer:us-east-1:1:profile/a b",
            "arn:aws:codewhisperer:us-east-1:1:profile/a:b",
        ] {
            assert!(!is_profile(bad) && region_of(bad).is_none(), "{bad}");
        }
    }
}
