//! The tokenization core: PAN in, token out, nothing else.
