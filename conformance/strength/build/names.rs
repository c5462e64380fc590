//! What a source says about itself: its enums, its functions, and which of them a step reaches.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{File, FnArg, Item, ItemFn, ReturnType, Type};

/// The names of the unit variants of each enum, also of those that a macro makes.
pub(crate) fn collect(
    file: &File,
    enums: &mut BTreeMap<String, Vec<String>>,
) -> Result<(), String> {
    for item in &file.items {
        match item {
            Item::Enum(item) => {
                let units = item
                    .variants
                    .iter()
                    .filter(|variant| variant.fields.is_empty());
                enums.insert(
                    item.ident.to_string(),
                    units.map(|variant| variant.ident.to_string()).collect(),
                );
            }
            Item::Macro(item)
                if item.mac.path.is_ident("alphabet") || item.mac.path.is_ident("named") =>
            {
                let (name, variants) =
                    listed(item.mac.tokens.clone()).ok_or("a macro without an enum")?;
                enums.insert(name, variants);
            }
            _ => {}
        }
    }
    Ok(())
}

/// `Name { Variant = "text", }`, comments apart.
fn listed(tokens: TokenStream) -> Option<(String, Vec<String>)> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let name = tokens.iter().find_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    })?;
    let TokenTree::Group(group) = tokens.last()? else {
        return None;
    };
    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
    let variants = inner.windows(2).filter_map(|pair| match pair {
        [TokenTree::Ident(ident), TokenTree::Punct(punct)] if punct.as_char() == '=' => {
            Some(ident.to_string())
        }
        _ => None,
    });
    Some((name, variants.collect()))
}

/// Imports of the specification and names of types: what a rewritten step needs too.
pub(crate) fn is_import(item: &Item) -> bool {
    match item {
        Item::Use(item) => item
            .tree
            .to_token_stream()
            .to_string()
            .starts_with("kaika_spec"),
        Item::Type(_) => true,
        _ => false,
    }
}

/// The function `from` and all functions of the file that it calls, also through others; `init` is left alone.
pub(crate) fn reached(file: &File, from: &str) -> Vec<ItemFn> {
    let functions: Vec<&ItemFn> = file
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Fn(function) => Some(function),
            _ => None,
        })
        .collect();
    let mut wanted = BTreeSet::from([from.to_owned()]);
    loop {
        let known = wanted.len();
        for function in &functions {
            if wanted.contains(&function.sig.ident.to_string()) {
                words(function.block.to_token_stream(), &mut wanted);
            }
        }
        if wanted.len() == known {
            break;
        }
    }
    let is_wanted = |function: &&&ItemFn| {
        let name = function.sig.ident.to_string();
        name != "init" && wanted.contains(&name)
    };
    functions
        .iter()
        .filter(is_wanted)
        .map(|function| (*function).clone())
        .collect()
}

fn words(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                found.insert(ident.to_string());
            }
            TokenTree::Group(group) => words(group.stream(), found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// Functions from a state to a state: to leave one out is to skip an update.
pub(crate) fn updates(functions: &[ItemFn]) -> BTreeSet<String> {
    let is_state = |ty: &Type| ty.to_token_stream().to_string() == "State";
    let is_update = |function: &&ItemFn| {
        let takes = match function.sig.inputs.first() {
            Some(FnArg::Typed(first)) => is_state(&first.ty),
            _ => false,
        };
        takes && matches!(&function.sig.output, ReturnType::Type(_, ty) if is_state(ty))
    };
    functions
        .iter()
        .filter(is_update)
        .map(|function| function.sig.ident.to_string())
        .collect()
}
