//! Names of months, weekdays and halves of the day in the language that is asked for.

use pure_rust_locales::{Locale, locale_match};

/// How long a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Short,
    Full,
    Narrow,
}

/// The language of a rendering, and how its weeks are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    locale: Option<Locale>,
    /// The first day of the week, Monday being 1.
    pub(crate) week_start: i8,
    /// Days that the first week of a year has at least.
    pub(crate) first_week_days: i8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Languages whose main country is not spelled like themselves.
const COUNTRIES: [(&str, &str); 24] = [
    ("en", "en_US"),
    ("ja", "ja_JP"),
    ("cs", "cs_CZ"),
    ("sv", "sv_SE"),
    ("da", "da_DK"),
    ("zh", "zh_CN"),
    ("ko", "ko_KR"),
    ("el", "el_GR"),
    ("uk", "uk_UA"),
    ("he", "he_IL"),
    ("ar", "ar_EG"),
    ("hi", "hi_IN"),
    ("fa", "fa_IR"),
    ("vi", "vi_VN"),
    ("et", "et_EE"),
    ("sl", "sl_SI"),
    ("nb", "nb_NO"),
    ("no", "nb_NO"),
    ("nn", "nn_NO"),
    ("ga", "ga_IE"),
    ("ca", "ca_ES"),
    ("eu", "eu_ES"),
    ("gl", "gl_ES"),
    ("sr", "sr_RS"),
];

/// Languages that write months and weekdays with a capital, or that have no small letters.
const CAPITAL_LANGUAGES: [&str; 12] =
    ["en_", "de_", "el_", "id_", "ms_", "cy_", "lb_", "nds_", "tr_", "az_", "fil_", "sw_"];

/// Countries whose weeks start on Sunday with the first day of the year.
const SUNDAY_COUNTRIES: [&str; 12] = ["US", "CA", "MX", "BR", "JP", "KR", "TW", "IN", "IL", "PH", "CO", "ZA"];

/// Countries that count weeks as ISO 8601 does.
const ISO_COUNTRIES: [&str; 24] = [
    "FR", "DE", "ES", "IT", "GB", "IE", "PT", "NL", "BE", "LU", "CH", "AT", "CZ", "SK", "PL", "SE", "NO", "DK", "FI",
    "EE", "HU", "BG", "GR", "LT",
];

impl Names {
    /// American English, which is meant where no language is given.
    pub(crate) fn english() -> Names {
        Names { locale: Some(Locale::en_US), week_start: 7, first_week_days: 1 }
    }

    /// The language of `fr`, `fr_FR` or `fr-FR`. An unknown one has no long names.
    pub(crate) fn find(tag: &str) -> Names {
        let tag = tag.replace('-', "_");
        let (language, country) = tag.split_once('_').unwrap_or((&tag, ""));
        let (language, country) = (&*language.to_lowercase(), &*country.to_uppercase());
        let tag = if country.is_empty() { language.to_owned() } else { format!("{language}_{country}") };
        let (week_start, first_week_days) = match country {
            // Without a country, weeks are counted as in the United States.
            _ if country.is_empty() || SUNDAY_COUNTRIES.contains(&country) => (7, 1),
            _ if ISO_COUNTRIES.contains(&country) => (1, 4),
            _ => (1, 1),
        };
        let guess = COUNTRIES.iter().find(|(known, _)| known == &language).map(|(_, full)| (*full).to_owned());
        let same = format!("{language}_{}", language.to_uppercase());
        let locale = [Some(tag.clone()), guess, Some(same)]
            .into_iter()
            .flatten()
            .find_map(|name| Locale::try_from(name.as_str()).ok());
        Names { locale, week_start, first_week_days }
    }

    fn is_english(self) -> bool {
        self.locale.is_none_or(|locale| format!("{locale:?}").starts_with("en_"))
    }

    /// The name as it is written inside of a sentence.
    fn cased(self, name: &str) -> String {
        let language = self.locale.map(|locale| format!("{locale:?}")).unwrap_or_default();
        let capital = CAPITAL_LANGUAGES.iter().any(|known| language.starts_with(known));
        if capital { name.to_owned() } else { name.to_lowercase() }
    }

    /// The name of a month, January being 1.
    pub(crate) fn month(self, month: i8, width: Width) -> String {
        let place = (month - 1).clamp(0, 11) as usize;
        let Some(locale) = self.locale else { return MONTHS[place][..3].to_owned() };
        match width {
            Width::Narrow => MONTHS[place][..1].to_owned(),
            Width::Full if self.is_english() => MONTHS[place].to_owned(),
            Width::Short if self.is_english() => MONTHS[place][..3].to_owned(),
            Width::Full => self.cased(locale_match!(locale => LC_TIME::MON)[place]),
            Width::Short => self.cased(locale_match!(locale => LC_TIME::ABMON)[place].trim()),
        }
    }

    /// The name of a weekday, Monday being 1.
    pub(crate) fn weekday(self, day: i8, width: Width) -> String {
        let place = (day - 1).clamp(0, 6) as usize;
        let Some(locale) = self.locale else { return WEEKDAYS[place][..3].to_owned() };
        let sunday_first = (place + 1) % 7;
        match width {
            Width::Narrow => WEEKDAYS[place][..1].to_owned(),
            Width::Full if self.is_english() => WEEKDAYS[place].to_owned(),
            Width::Short if self.is_english() => WEEKDAYS[place][..3].to_owned(),
            Width::Full => {
                let name = self.cased(locale_match!(locale => LC_TIME::DAY)[sunday_first]);
                // The source has the short form of conversation.
                let is_short = day < 6 && format!("{locale:?}").starts_with("pt_");
                if is_short { name + "-feira" } else { name }
            }
            Width::Short => self.cased(locale_match!(locale => LC_TIME::ABDAY)[sunday_first]),
        }
    }

    /// `AM` and `PM`, or what the language has in their place.
    pub(crate) fn half_day(self, hour: i8) -> String {
        let place = usize::from(hour >= 12);
        let english = ["AM", "PM"][place];
        match self.locale {
            Some(locale) if !self.is_english() => match locale_match!(locale => LC_TIME::AM_PM).get(place) {
                Some(name) if !name.is_empty() => (*name).to_owned(),
                _ => english.to_owned(),
            },
            _ => english.to_owned(),
        }
    }
}
