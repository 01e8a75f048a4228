package placeholders

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/chatident/chatident/internal/exactjson"
)

// Action is an HTTP call with placeholders in it, as one sets it up in
// Megadesk's dashboard. [Compile] checks it, and [ParseAction] reads it from a
// file.
//
// An action may hold a key: it shows as [redacted] in fmt, slog and
// encoding/json. Its fields are your own open strings all the same: do not keep
// it in a struct that is printed by something that calls no methods.
// [Action.JSON] writes it out.
type Action struct {
	redacted

	// Method is GET, HEAD, POST, PUT, PATCH or DELETE. It has no placeholders.
	Method string

	// URL is a template of the context [URL].
	URL string

	// Header has templates of the context [Header], by the names of headers,
	// which have no placeholders. At most 100. Default: none.
	//
	// Rejected are names that HTTP needs for itself (Host, Content-Length and
	// those of the connection), and placeholders in those that tell how to take
	// the request: Content-Type, and what overrides the method, the host or the
	// path. In Cookie a value never has what separates cookies.
	Header map[string]string

	// Body is a template of the context [Form] when Header has a Content-Type of
	// application/x-www-form-urlencoded; else of the context [JSON], and sent as
	// application/json unless the Content-Type is another of JSON. There are no
	// other bodies. Default: no body. GET and HEAD have none.
	Body string

	// Variables says which path the value of each placeholder comes from, by the
	// rules of [NewMapping].
	Variables map[string]string
}

// maxAction bounds the file of an action, in bytes.
const maxAction = 1 << 20

// ParseAction reads an action from JSON:
//
//	{
//	  "method": "POST",
//	  "url": "https://api.example.com/orders/{{orderId}}",
//	  "headers": {"Authorization": "Bearer {{token}}"},
//	  "body": {"email": "{{userEmail}}"},
//	  "variables": {"userEmail": "userDetail.email"}
//	}
//
// The body is a string with the template; or an object or a list, of which the
// text as it stands is the template. (A placeholder that is a whole value is no
// JSON by itself, so such a body is a string: "{\"age\": {{age}}}".) All members
// but method and url can be left out, and null stands for that. The file has
// 1 MB at most.
//
// Faults are an *[ActionError] with all of them, 20 at most, each a *[SyntaxError] with its
// place in the file: what is not JSON, members that are unknown or there twice,
// and those of another type. The templates are not looked at: [Compile] does
// that. The form of the file is ours: the vendor has none.
func ParseAction(data []byte) (Action, error) {
	f := newActionFile(data)
	a := f.action()
	if faults := f.all(); len(faults) > 0 {
		return Action{}, &ActionError{faults}
	}
	return a, nil
}

// UnmarshalJSON is [ParseAction], so that an action can be a part of a larger
// file. Places are then counted from where the action begins.
func (a *Action) UnmarshalJSON(data []byte) error {
	parsed, err := ParseAction(data)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// JSON returns the action as a file for [ParseAction], keys in it included. Text
// that is not valid UTF-8 is a *[FieldError].
func (a Action) JSON() ([]byte, error) {
	file := struct {
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Headers   map[string]string `json:"headers,omitempty"`
		Body      string            `json:"body,omitempty"`
		Variables map[string]string `json:"variables,omitempty"`
	}{a.Method, a.URL, a.Header, a.Body, a.Variables}
	if _, err := exactjson.Marshal(file); err != nil {
		return nil, &FieldError{"action", err.Error()}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // for people to read
	encoder.SetIndent("", "  ")
	err := encoder.Encode(file)
	return b.Bytes(), err
}

func (a *Action) clone() Action {
	c := *a
	c.Header = maps.Clone(a.Header)
	c.Variables = maps.Clone(a.Variables)
	return c
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
