//! The attributes that are read here, by their numbers.

/// The vendor number of 3GPP (TS 29.061, 16.4.7).
pub const THREE_GPP: u32 = 10_415;

/// An attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// RFC 2865, 5.1.
    UserName,
    /// RFC 2865, 5.4.
    NasIpAddress,
    /// RFC 2865, 5.8.
    FramedIpAddress,
    /// RFC 2865, 5.26.
    VendorSpecific,
    /// RFC 2865, 5.30: the APN, in a mobile network.
    CalledStationId,
    /// RFC 2865, 5.31: the number, in a mobile network.
    CallingStationId,
    /// RFC 2865, 5.32.
    NasIdentifier,
    /// RFC 2865, 5.33.
    ProxyState,
    /// RFC 2866, 5.1.
    AcctStatusType,
    /// RFC 2866, 5.2, in seconds.
    AcctDelayTime,
    /// RFC 2866, 5.5.
    AcctSessionId,
    /// RFC 2866, 5.7, in seconds.
    AcctSessionTime,
    /// RFC 2869, 5.3, in seconds since 1970.
    EventTimestamp,
    /// RFC 2869, 5.14.
    MessageAuthenticator,
    /// RFC 3162, 2.1.
    NasIpv6Address,
    /// RFC 3162, 2.3.
    FramedIpv6Prefix,
    /// RFC 4818, 3.
    DelegatedIpv6Prefix,
    /// RFC 6911, 3.1.
    FramedIpv6Address,
}

impl Type {
    /// Its number.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Type::UserName => 1,
            Type::NasIpAddress => 4,
            Type::FramedIpAddress => 8,
            Type::VendorSpecific => 26,
            Type::CalledStationId => 30,
            Type::CallingStationId => 31,
            Type::NasIdentifier => 32,
            Type::ProxyState => 33,
            Type::AcctStatusType => 40,
            Type::AcctDelayTime => 41,
            Type::AcctSessionId => 44,
            Type::AcctSessionTime => 46,
            Type::EventTimestamp => 55,
            Type::MessageAuthenticator => 80,
            Type::NasIpv6Address => 95,
            Type::FramedIpv6Prefix => 97,
            Type::DelegatedIpv6Prefix => 123,
            Type::FramedIpv6Address => 168,
        }
    }
}

/// A type within 3GPP's own attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorType {
    /// The IMSI, in digits.
    Imsi,
    /// The last bearer of a subscriber's connection has ended: a Stop without it need not be a detach.
    SessionStopIndicator,
}

impl VendorType {
    /// Its number.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            VendorType::Imsi => 1,
            VendorType::SessionStopIndicator => 11,
        }
    }
}
