//! What this kernel's io_uring can do, by probe and by trial.

use io_uring::opcode;
use xskit_core::Errno;

use crate::config::{UringConfig, Wait};
use crate::error::{Host, UringError};
use crate::ring::{Request, Ring};
use crate::route::{Reason, Route, SetupReport};
use crate::tag::Tag;

/// Creates the ring, or says why it can't.
pub(crate) fn ring(config: &UringConfig) -> Result<Ring, UringError> {
    let entries = config.entries;
    if !(1..=32768).contains(&entries) {
        return Err(UringError::Entries { entries });
    }
    let refused = |call| move |errno| UringError::of_call(call, errno, &Host::now());
    let mut ring = Ring::new(config).map_err(refused("io_uring_setup"))?;
    require(&ring, config)?;
    try_out(&mut ring).map_err(refused("io_uring_enter"))?;
    if config.wait == Wait::Napi {
        ring.register_napi(config.napi_us)
            .map_err(|errno| UringError::Napi { errno })?;
    }
    Ok(ring)
}

/// Checks the features that the backend can't do without.
fn require(ring: &Ring, config: &UringConfig) -> Result<(), UringError> {
    let features = ring.features();
    let needs_multishot = config.wait == Wait::Multishot;
    let needs = [
        (
            features.is_feature_ext_arg(),
            "a wait with a timeout (IORING_FEAT_EXT_ARG)",
            "5.11",
        ),
        // It has no feature flag; this one came with the same kernel.
        (
            !needs_multishot || features.is_feature_resource_tagging(),
            "a multishot poll (IORING_POLL_ADD_MULTI)",
            "5.13",
        ),
    ];
    match needs.into_iter().find(|(has, ..)| !has) {
        Some((_, missing, since)) => Err(UringError::TooOld { missing, since }),
        None => Ok(()),
    }
}

/// A filter may allow `io_uring_setup` and refuse `io_uring_enter`.
fn try_out(ring: &mut Ring) -> Result<(), Errno> {
    // There is room: nothing was submitted before.
    if ring.push(Request::Nothing, Tag::TRIAL, false).is_err() {
        return Err(Errno::EBUSY);
    }
    ring.enter(1, None)?;
    ring.reap(|_| {});
    Ok(())
}

/// Which part of the set-up can go through the ring.
pub(crate) fn routes(ring: &Ring) -> SetupReport {
    if ring.is_polled() {
        return SetupReport::direct(Reason::Polled);
    }
    let probe = match ring.probe() {
        Ok(probe) => probe,
        Err(errno) => return SetupReport::direct(Reason::Unprobed(errno)),
    };
    let route = |code, since| {
        if probe.is_supported(code) {
            Route::Submission
        } else {
            Route::Direct(Reason::Absent { since })
        }
    };
    SetupReport {
        socket: route(opcode::Socket::CODE, "5.19"),
        options: route(opcode::SetSockOpt::CODE, "6.7"),
        bind: route(opcode::Bind::CODE, "6.11"),
    }
}
