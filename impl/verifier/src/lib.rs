//! The verification server: password, one-time code, photos, binding, orders.
