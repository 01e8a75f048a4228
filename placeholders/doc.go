// Package placeholders checks and renders HTTP calls with placeholders, such as the
// actions of Megadesk. Most programs need two functions: [ParseAction] reads an
// action from its file, and [Compile] checks it. Then [CompiledAction.Preview] shows
// what would be sent for a customer, and [CompiledAction.Request] returns the
// request:
//
//	action, err := placeholders.ParseAction(file)
//	compiled, err := placeholders.Compile(action, nil)
//	preview, err := compiled.Preview(customer) // an identity.Payload, for example
//
// [Parse] is for a single template.
//
// No value changes anything but its own place: a customer's name does not become a
// JSON key, a header, a path or another host. What a value must be escaped for, and
// where a placeholder may be, follows from the [Kind] of the template when it is
// parsed. Text around a placeholder is checked after it has been decoded: a JSON
// string, form value, query value or path segment in which another language may
// begin, such as GraphQL, SQL or JSON itself, is rejected with what to do instead.
// Only [Text] escapes nothing.
//
// Missing values are errors, all of them together, unless they have a default.
//
// # Secrets
//
// A template may hold a key: [Template] and [CompiledAction] are printed as
// [redacted], a [Preview] masks what looks like a secret, and no error holds a value
// or a template's text. An [Action] is plain data, and its JSON has everything.
// Better keep keys out of it: map a name to a key, or pass it in Options.Defaults.
//
// # What the vendor documents
//
// Megadesk documents the form {{name}}, the mapping of paths to names, and the two
// roots of paths. It does not document white space, legal names, escaping, missing
// values, or placeholders in URLs. This renderer is independent of the vendor's, with strict
// rules: try an action in the dashboard before you rely on it. The grammar and all
// rules are in docs/actions.md.
package placeholders
