// Package placeholders renders templates such as "Bearer {{token}}" into URLs,
// headers and bodies, so that no value changes anything but its own place: a
// customer's name does not become a JSON key, a header, or another host.
//
// It is for operators of Megadesk who want to check an action in a test, or see
// what it would send, before they put it into the dashboard, and for programs
// that make the same calls themselves. Most need two functions: [ParseAction]
// reads an action from a file, and [Compile] checks it; then
// [CompiledAction.Preview] shows what would be sent for a customer, and
// [CompiledAction.Request] makes the request:
//
//	action, err := placeholders.ParseAction(file)
//	compiled, err := placeholders.Compile(action, nil)
//	preview, err := compiled.Preview(customer) // an identity.Payload, for example
//
// For a template by itself there is [Parse] with [Template.Render].
//
// # What the vendor documents, and what it does not
//
// Megadesk documents that a path such as userDetail.email is mapped to a
// variable, which stands as {{userEmail}} in the headers and the body of an
// action, and that paths begin with userDetail or integrations. It does not
// document white space within the braces, which names are legal, how a value is
// escaped, what a missing value becomes, or whether a URL may have placeholders.
// So this is a local renderer with rules of its own, which are strict: what it
// accepts is meant to be safe, and need not be what the vendor makes of the same
// text. Try an action in the dashboard before you rely on it.
//
// # The grammar
//
// A placeholder is {{, a name, and }}, with any spaces, tabs and line ends
// around the name. A name has letters and digits of ASCII and _, does not begin
// with a digit, and has at most 128 characters. There are no paths, sections,
// comments or filters.
//
//   - {{{{ is a literal {{. It is read from the left: {{{{name}} is the text
//     {{name}}, and {{{{{{name}} is {{ with a value behind.
//   - A {{ that no }} follows before the next {{ is an error, where it opens.
//   - {{}} and {{ }} are an error, where they open.
//   - Three braces, {{{, are an error: elsewhere they mean a value without
//     escapes. So a value cannot stand directly behind a literal brace.
//   - A single {, and } and }} outside of a placeholder, are text.
//
// A template must be valid UTF-8. Rendering goes over it once: a {{name}} in a
// value stays as it is.
//
// # The contexts
//
// What is escaped, and where a placeholder may stand, is decided when a template
// is parsed.
//
// Text takes values as they are, and protects nothing.
//
// JSON is a JSON text (RFC 8259). Within a string a value is escaped for it.
// Where a placeholder is a whole value, a value keeps its type: {"age":
// {{age}}} makes a number of a number, and a string in quotes of a string.
// Refused are placeholders in a key, and in a string with a quote or a backslash
// of its own, such as JSON within JSON or a query language: a value would be
// escaped once and be taken apart twice. An apostrophe is a quote too. A query
// language without quotes cannot be told from text: give it its values as
// variables. An object that has a member twice is refused as well.
//
// URL is an absolute https URL, or http to this machine, of ASCII, without user
// information and fragment. A placeholder may stand within a path segment or
// within the value of a query parameter; values are percent-encoded (RFC 3986).
// When it is rendered, each segment with a placeholder is looked at as a whole,
// decoded: it must not be empty, have a slash, a backslash or a control
// character, be only dots and spaces, also not before a semicolon, or look
// percent-encoded still ("%2e"), since some servers decode twice. Segments
// without placeholders must have nothing either that a server would collapse.
//
// Form is name=value&name=value, as application/x-www-form-urlencoded. A
// placeholder may stand within a value.
//
// Header is the value of a header, in printable ASCII. Values must be that too:
// a header has no escapes, how other characters arrive is not defined, and some
// readers see a line end in them. Send a name like Zoë in a body. Where a
// placeholder is the whole value, or follows a scheme such as "Bearer ", every
// such value is taken; elsewhere it must not have quotes, backslashes, commas or
// semicolons. What is rendered has no white space at its edges.
//
// # Secrets
//
// An action's file may hold a key. Better leave it out: map a name to it, or
// give it as a default. [Action], [Template] and [CompiledAction] show as
// [redacted], a [Preview] masks what looks like a secret, and no error holds a
// value or a template's text. The request itself holds everything.
package placeholders
