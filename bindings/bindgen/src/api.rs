//! The surface of an API as text: one line for each thing an app can name, sorted, without its documentation.

use std::fmt::Write;
use uniffi_meta::{
    DefaultValueMetadata, FieldMetadata, FnParamMetadata, LiteralMetadata, Metadata, MetadataGroup, Type,
    VariantMetadata,
};

/// Everything a component exports.
pub fn surface(group: &MetadataGroup) -> String {
    let mut lines: Vec<String> = group.items.iter().flat_map(lines_of).collect();
    lines.sort();
    let mut out = format!("# What {} exports. A change here is a change to every app.\n", group.namespace.name);
    for line in lines {
        // Writing to a string cannot fail.
        let _written = writeln!(out, "{line}");
    }
    out
}

fn lines_of(item: &Metadata) -> Vec<String> {
    match item {
        Metadata::Namespace(_) | Metadata::UdlFile(_) => Vec::new(),
        Metadata::Func(it) => {
            vec![format!("fn {}", call(&it.name, it.is_async, &it.inputs, it.return_type.as_ref(), it.throws.as_ref()))]
        }
        Metadata::Object(it) if it.imp.is_trait_interface() => vec![format!("port {}", it.name)],
        Metadata::Object(it) => vec![format!("object {}", it.name)],
        Metadata::CallbackInterface(it) => vec![format!("callback {}", it.name)],
        Metadata::Constructor(it) => {
            let call = call(&it.name, it.is_async, &it.inputs, None, it.throws.as_ref());
            vec![format!("object {}: new {call}", it.self_name)]
        }
        Metadata::Method(it) => {
            let call = call(&it.name, it.is_async, &it.inputs, it.return_type.as_ref(), it.throws.as_ref());
            vec![format!("object {}: {call}", it.self_name)]
        }
        Metadata::TraitMethod(it) => {
            let call = call(&it.name, it.is_async, &it.inputs, it.return_type.as_ref(), it.throws.as_ref());
            vec![format!("port {}: {call}", it.trait_name)]
        }
        Metadata::Record(it) => it
            .fields
            .iter()
            .enumerate()
            .map(|(at, it_is)| format!("record {}.{at:02} {}", it.name, field(it_is)))
            .collect(),
        Metadata::Enum(it) => it
            .variants
            .iter()
            .enumerate()
            .map(|(at, variant)| format!("{} {}.{at:02} {}", shape(it), it.name, spoken(variant)))
            .collect(),
        Metadata::CustomType(it) => vec![format!("type {} = {}", it.name, name(&it.builtin))],
        Metadata::UniffiTrait(it) => vec![format!("trait {}", it.name())],
        Metadata::ObjectTraitImpl(it) => vec![format!("impl {} for {}", name(&it.trait_ty), name(&it.ty))],
    }
}

fn shape(it: &uniffi_meta::EnumMetadata) -> &'static str {
    match it.shape {
        uniffi_meta::EnumShape::Enum => "enum",
        uniffi_meta::EnumShape::Error { .. } => "error",
    }
}

fn spoken(variant: &VariantMetadata) -> String {
    if variant.fields.is_empty() {
        return variant.name.clone();
    }
    let fields: Vec<String> = variant.fields.iter().map(field).collect();
    format!("{} {{ {} }}", variant.name, fields.join(", "))
}

fn field(it: &FieldMetadata) -> String {
    format!("{}: {}{}", it.name, name(&it.ty), default(it.default.as_ref()))
}

fn call(
    name_of: &str,
    is_async: bool,
    inputs: &[FnParamMetadata],
    gives: Option<&Type>,
    throws: Option<&Type>,
) -> String {
    let inputs: Vec<String> = inputs
        .iter()
        .map(|input| format!("{}: {}{}", input.name, name(&input.ty), default(input.default.as_ref())))
        .collect();
    let mut out = format!("{}{name_of}({})", if is_async { "async " } else { "" }, inputs.join(", "));
    if let Some(gives) = gives {
        out += &format!(" -> {}", name(gives));
    }
    if let Some(throws) = throws {
        out += &format!(" throws {}", name(throws));
    }
    out
}

fn default(it: Option<&DefaultValueMetadata>) -> String {
    match it {
        None => String::new(),
        Some(DefaultValueMetadata::Default) => " = default".to_owned(),
        Some(DefaultValueMetadata::Literal(LiteralMetadata::None)) => " = none".to_owned(),
        Some(DefaultValueMetadata::Literal(LiteralMetadata::EmptySequence)) => " = []".to_owned(),
        Some(DefaultValueMetadata::Literal(LiteralMetadata::Boolean(value))) => format!(" = {value}"),
        Some(DefaultValueMetadata::Literal(other)) => format!(" = {other:?}"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other type is a plain one, and says what it is")]
fn name(ty: &Type) -> String {
    match ty {
        Type::Optional { inner_type } => format!("{}?", name(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", name(inner_type)),
        Type::Map { key_type, value_type } => format!("{{{}: {}}}", name(key_type), name(value_type)),
        Type::Record { name, .. }
        | Type::Enum { name, .. }
        | Type::Object { name, .. }
        | Type::CallbackInterface { name, .. }
        | Type::Custom { name, .. } => name.clone(),
        plain => format!("{plain:?}").to_lowercase(),
    }
}
