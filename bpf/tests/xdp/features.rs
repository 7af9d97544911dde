//! What devices say they offer.

use xskit_bpf::{DeviceFeatures, Error, device_features};

use crate::namespace::{in_namespace, index_of, veth_pair};

#[test]
fn veth_offers_native_redirect_but_no_zero_copy() {
    in_namespace(|| {
        let b = veth_pair();
        // None on kernels before 6.3.
        let Some(features) = device_features(b).unwrap() else {
            return;
        };
        assert!(
            features.native && features.redirect && features.multi_buffer,
            "{features:?}"
        );
        assert!(!features.zero_copy, "{features:?}");
    });
}

#[test]
fn loopback_offers_nothing() {
    in_namespace(|| {
        let Some(features) = device_features(index_of("lo")).unwrap() else {
            return;
        };
        let DeviceFeatures {
            native,
            redirect,
            zero_copy,
            multi_buffer,
            ..
        } = features;
        assert_eq!([native, redirect, zero_copy, multi_buffer], [false; 4]);
    });
}

#[test]
fn an_interface_that_is_not_there() {
    let refused = device_features(999_999).unwrap_err();
    assert!(
        matches!(refused, Error::NoInterface { ifindex: 999_999 }),
        "{refused}"
    );
}
