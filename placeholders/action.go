package placeholders

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/chatident/chatident/internal/value"
)

// Action is an HTTP call with placeholders, as it is set up in Megadesk's dashboard.
// [ParseAction] reads one from a file, and [Compile] checks it. Megadesk does not read it:
// enter the method, URL, headers, body and variables in the dashboard by hand.
//
// It encodes to JSON and decodes from it without loss. It may contain a key, so fmt and
// slog print it as [redacted]. Packages that print by reflection show its fields.
type Action struct {
	// Method is GET, HEAD, POST, PUT, PATCH or DELETE. It has no placeholders.
	Method string

	// URL is a template of the kind [URL].
	URL string

	// Header maps the names of headers to templates of the kind [Header]. Default:
	// none.
	//
	// Names have no placeholders. Headers that HTTP itself needs, such as Host, are
	// rejected. Placeholders may be in the values of Authorization, of Cookie (but not
	// in a cookie's name), and of headers whose names end in a word such as Key, Token,
	// Id or Version; docs/actions.md lists them. In other headers they are rejected,
	// because a server or a proxy may treat the request as a different one, or as that
	// of another client.
	Header map[string]string

	// Body is a template. Its kind follows from the Content-Type in Header: [Form]
	// for application/x-www-form-urlencoded, [Text] for text/plain, and [JSON] for
	// application/json, other JSON types and no Content-Type. Text is not escaped, so
	// use it only if no program parses the body. GET and HEAD have no body. Default: no
	// body.
	Body string

	// Variables maps the name of each placeholder to the path of its value. The rules
	// are those of [NewMapping].
	Variables map[string]string

	// Defaults are used for placeholders whose value is missing or null. Megadesk
	// documents no defaults, so your API must reject a missing value, too.
	// Options.Defaults take precedence. Default: none; a missing value is an error.
	Defaults map[string]any

	// Repeat lists the placeholders whose value may be a list. The parameter of the
	// query or the field of the form is then repeated: tag={{tags}} becomes tag=a&tag=b.
	// Megadesk documents no lists. Default: none.
	Repeat []string
}

// Format writes [redacted].
func (a Action) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, mask) }

// LogValue returns [redacted].
func (a Action) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalJSON encodes the action in the format of [ParseAction], including any keys.
// Text that is not valid UTF-8 or has a NUL is a *[FieldError], and so is a default
// that JSON cannot represent.
func (a Action) MarshalJSON() ([]byte, error) {
	b, err := value.Append(nil, map[string]any{
		"method": a.Method, "url": a.URL, "headers": a.Header, "body": a.Body, "variables": a.Variables, "defaults": a.Defaults, "repeat": a.Repeat,
	}, 8*maxActionFile)
	if err, ok := err.(*value.Error); ok {
		return nil, &FieldError{"action" + err.Path, err.Rule}
	}
	return b, nil
}

// UnmarshalJSON calls [ParseAction], so that an action can be part of a larger file.
// That file must be JSON: a body with a placeholder as a whole value must be a string.
func (a *Action) UnmarshalJSON(data []byte) error {
	parsed, err := ParseAction(data)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// maxActionFile is the largest size of an action's file, in bytes.
const maxActionFile = 1 << 20

// ParseAction reads an action from its file:
//
//	{
//	  "method": "POST",
//	  "url": "https://api.example.com/orders/{{orderId}}/refunds",
//	  "headers": {"Authorization": "Bearer {{token}}"},
//	  "body": {"email": "{{userEmail}}", "amount": {{amount}}},
//	  "variables": {"userEmail": "userDetail.email", "amount": "userDetail.amount"},
//	  "defaults": {"amount": null}
//	}
//
// The file is JSON, except that the body may have placeholders as whole values. The
// body may also be a string that contains the template. For a form or a text it must
// be a string. All members except method and url are optional, and null is the same as
// absent. The file is at most 1 MB.
//
// The error is an *[ActionError] with all faults: a *[SyntaxError] with its position if
// the file is not JSON, or a *[FieldError] for each member that is unknown or has the
// wrong type. [Compile] checks the templates. The format is this package's own: the
// vendor documents none.
func ParseAction(data []byte) (Action, error) {
	members, err := readMembers(string(data))
	if err != nil {
		return Action{}, &ActionError{[]error{err}}
	}
	var a Action
	if body := members["body"]; strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		a.Body = body // the template as it is
		delete(members, "body")
	}
	known := map[string]struct {
		target any
		rule   string
	}{
		"method":    {&a.Method, "must be a string"},
		"url":       {&a.URL, "must be a string"},
		"headers":   {&a.Header, "must be an object of strings"},
		"body":      {&a.Body, "must be a string, an object or a list"},
		"variables": {&a.Variables, "must be an object of strings"},
		"defaults":  {&a.Defaults, "must be an object without placeholders"},
		"repeat":    {&a.Repeat, "must be a list of strings"},
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(members)) {
		member, ok := known[key]
		d := json.NewDecoder(strings.NewReader(members[key]))
		d.UseNumber()
		if !ok {
			faults = append(faults, &FieldError{fmt.Sprintf("%.64q", key), "is unknown (the members are method, url, headers, body, variables, defaults and repeat)"})
		} else if d.Decode(member.target) != nil {
			faults = append(faults, &FieldError{key, member.rule + " (placeholders must be in quotes, except in a body)"})
		}
	}
	if len(faults) > 0 {
		return Action{}, &ActionError{faults[:min(len(faults), maxFaults)]}
	}
	return a, nil
}

// readMembers returns the JSON of each member of an action's file.
func readMembers(text string) (map[string]string, error) {
	if len(text) > maxActionFile {
		return nil, &FieldError{"file", fmt.Sprintf("must be at most %d bytes, got %d", maxActionFile, len(text))}
	}
	if at := indexInvalid(text); at >= 0 {
		return nil, newSyntaxError(text, at, "an action's file must be valid UTF-8 without NUL")
	}
	members := map[string]string{}
	r := jsonReader{text: text, bare: true}
	r.onMember = func(key string, start, end int) {
		if r.depth == 1 {
			members[key] = text[start:end]
		}
	}
	if rule := r.read(); rule != "" {
		return nil, newSyntaxError(text, r.at, "an action's file must be JSON: "+rule)
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, &FieldError{"file", "must be an object"}
	}
	return members, nil
}
