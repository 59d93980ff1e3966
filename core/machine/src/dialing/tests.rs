use super::*;
use proptest::prelude::*;

fn de() -> Option<Country> {
    Country::parse("DE")
}

fn dial(digits: &str) -> Dialed {
    classify(digits, &[], de())
}

fn subscriber_number(e164: &str) -> Dialed {
    Dialed::Subscriber(Msisdn::from_e164(e164).unwrap())
}

#[test]
fn a_subscribers_number_is_read_in_any_form() {
    let number = subscriber_number("+4915123456789");
    for form in [
        "0151 23456789",
        "+49 (151) 2345-6789",
        "tel:+4915123456789",
        "TEL:0151/23456789",
        "0049 151 23456789",
        ",,0151 23456789",
        "0151 23456789,,123#",
        "0151 23456789p99",
        "٠١٥١٢٣٤٥٦٧٨٩",
        "＋４９１５１２３４５６７８９",
    ] {
        assert_eq!(dial(form), number, "{form}");
    }
}

#[test]
fn help_is_help_in_any_form() {
    for form in [
        "112",
        " 1 1 2 ",
        "1-1-2",
        "tel:112",
        "112,,1",
        ",112",
        "p112",
        "１１２",
        "١١٢",
        "+112",
        "*31#112",
        "#31#110",
        "(110)",
        "1,1,2",
        "112;5",
    ] {
        assert_eq!(dial(form), Dialed::Emergency, "{form}");
    }
    assert_eq!(classify("*67911", &[], Country::parse("US")), Dialed::Emergency);
}

#[test]
fn the_hosts_list_makes_an_emergency_of_anything_even_a_long_number() {
    let host = vec!["0800 111 0 111".to_owned(), "555".to_owned()];
    assert_eq!(classify("08001110111", &host, de()), Dialed::Emergency);
    assert_eq!(classify("5-5-5", &host, de()), Dialed::Emergency);
    assert_eq!(classify("555", &[], de()), Dialed::Short);
    assert_eq!(classify("112", &host, de()), Dialed::Emergency, "adds, never replaces");
    assert_eq!(classify("", &[String::new()], de()), Dialed::Unreadable { dialable: false });
}

#[test]
fn without_a_sim_the_gsm_set_is_help_and_national_numbers_go_to_the_carrier() {
    for number in WITHOUT_SIM {
        assert_eq!(classify(number, &[], None), Dialed::Emergency, "{number}");
    }
    assert_eq!(classify("0151 23456789", &[], None), Dialed::Unreadable { dialable: true });
    assert_eq!(classify("+49 151 23456789", &[], None), subscriber_number("+4915123456789"));
}

#[test]
fn codes_short_numbers_and_services_never_enter_the_data_path() {
    for code in ["*#06#", "*100#", "**21*0151234567#", "##002#"] {
        assert_eq!(dial(code), Dialed::Mmi, "{code}");
    }
    for short in ["1", "22555", "11833", "116118", "123456", "+49112", "+49110"] {
        assert_eq!(dial(short), Dialed::Short, "{short}");
    }
    for (service, country) in [
        ("0800 1234567", "DE"),
        ("0900 1 123456", "DE"),
        ("0180 5 123456", "DE"),
        ("+1 800 555 0199", "DE"),
        ("(900) 555-1234", "US"),
        ("0800 123 4567", "GB"),
        ("0909 879 0000", "GB"),
        ("0845 123 4567", "GB"),
        ("0800 123 456", "FR"),
        ("0891 23 45 67", "FR"),
        ("1800 123 456", "AU"),
        ("1300 123 456", "AU"),
        ("0120 123 456", "JP"),
        ("400 123 4567", "CN"),
        ("1800 123 4567", "IN"),
        ("0800 123 4567", "BR"),
        ("+800 1234 5678", "DE"),
        ("+979 123 456 789", "DE"),
    ] {
        assert_eq!(classify(service, &[], Country::parse(country)), Dialed::Service, "{country} {service}");
    }
}

#[test]
fn whole_numbers_of_small_countries_are_subscribers() {
    assert_eq!(classify("211234", &[], Country::parse("FO")), subscriber_number("+298211234"));
}

#[test]
fn what_is_no_number_is_named_and_only_what_has_digits_is_left_to_the_carrier() {
    assert_eq!(dial(""), Dialed::Unreadable { dialable: false });
    assert_eq!(dial("hello"), Dialed::Unreadable { dialable: false });
    assert_eq!(dial(",,;"), Dialed::Unreadable { dialable: false });
    assert_eq!(dial("1-800-FLOWERS"), Dialed::Unreadable { dialable: true });
    assert_eq!(dial(&"1".repeat(500)), Dialed::Unreadable { dialable: true });
}

fn any_country() -> impl Strategy<Value = Option<Country>> {
    let all: Vec<Option<Country>> = std::iter::once(None).chain(super::emergency::countries().map(Some)).collect();
    prop::sample::select(all)
}

proptest! {
    #[test]
    fn an_emergency_number_in_any_punctuation_is_never_anything_else(
        country in any_country(),
        pick in any::<prop::sample::Index>(),
        fill in prop::collection::vec("[ ()./,;pw\u{a0}-]{0,3}", 8),
        lead in "(tel:)?[ ,;p]{0,3}",
    ) {
        let numbers: Vec<&str> = ALWAYS
            .into_iter()
            .chain(country.map_or(&WITHOUT_SIM[..], super::emergency::numbers_of).iter().copied())
            .collect();
        let number = numbers[pick.index(numbers.len())];
        let mut typed = lead;
        for (digit, fill) in number.chars().zip(fill.iter().cycle()) {
            typed.push(digit);
            typed.push_str(fill);
        }
        prop_assert_eq!(classify(&typed, &[], country), Dialed::Emergency, "{}", typed);
    }

    #[test]
    fn a_number_of_the_hosts_list_in_any_punctuation_is_always_help(
        number in "[0-9]{2,15}",
        fill in "[ ()./-]{0,3}",
        country in any_country(),
    ) {
        let typed: String = number.chars().map(|digit| format!("{digit}{fill}")).collect();
        prop_assert_eq!(classify(&typed, &[number], country), Dialed::Emergency);
    }

    #[test]
    fn nothing_with_fewer_than_five_digits_is_a_subscriber(typed in "[+]?[0-9]{0,4}", country in any_country()) {
        prop_assert!(!matches!(classify(&typed, &[], country), Dialed::Subscriber(_)));
    }

    #[test]
    fn no_input_crashes_it(typed in "\\PC{0,80}", country in any_country()) {
        let _ = classify(&typed, std::slice::from_ref(&typed), country);
    }
}
