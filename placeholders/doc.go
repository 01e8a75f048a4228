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
// A value never changes anything but its own place: a customer's name cannot become a
// JSON key, a header, a path or another host. The [Kind] of a template decides how
// values are escaped and where placeholders may be. The text around a placeholder is
// decoded before it is checked: a JSON string, form value, query value or path segment
// that may contain another language, such as GraphQL, SQL or nested JSON, is rejected,
// and the error says what to write instead. Only [Text] escapes nothing.
//
// A missing value without a default is an error. All missing values are reported
// together.
//
// # Secrets
//
// A template may contain a key. [Template] and [CompiledAction] print as [redacted],
// a [Preview] masks what looks like a secret, and no error contains a value or the
// text of a template. An [Action] is plain data, and its JSON contains everything.
// Keep keys out of it: map a variable to the key, or pass it in Options.Defaults.
//
// # What the vendor documents
//
// Megadesk documents the form {{name}}, the mapping of paths to names, and the two
// roots of paths. It does not document white space, legal names, escaping, missing
// values, or placeholders in URLs. The rules of this package are its own, and strict: try
// an action in the dashboard before you rely on it. The grammar and all rules are in
// docs/actions.md.
package placeholders
