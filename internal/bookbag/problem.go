package bookbag

import (
	"cmp"
	"encoding/json"
)

// Problem is the body of a rejection, or the event of a stream's failure. Bookbag
// documents {error:{code,message,details}}, the same with success:false, and
// {message,issues}. {error} with a text is accepted too. The texts do not contain the
// key, and are cut.
type Problem struct {
	Code    string
	Message string
	Details json.RawMessage // or the issues

	// IsService reports whether the body is an object with an error or a message. The
	// page of a firewall or a proxy is not.
	IsService bool
}

// Problem decodes a body by its form, not by the path of the request. For a body
// of no known form, such as a proxy's page, the message is its beginning.
func (s sanitizer) Problem(body []byte) Problem {
	members := Members(body)
	inner := Members(members["error"])
	isService := members["error"] != nil || members["message"] != nil
	if code, message := text(inner["code"]), text(inner["message"]); code+message != "" {
		return Problem{s.text(code, maxShort), s.text(message, maxText), s.Details(inner["details"]), isService}
	}
	message := cmp.Or(text(members["message"]), text(members["error"]), string(body))
	return Problem{"", s.text(message, maxText), s.Details(members["issues"]), isService}
}

// Details returns details that do not repeat the API key, or nil.
func (s sanitizer) Details(details json.RawMessage) json.RawMessage {
	if s.repeatsKey(string(details)) {
		return nil
	}
	return details
}

// text returns the text of a JSON string, or any other value as JSON.
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) == nil { // null is ""
		return s
	}
	return string(raw)
}
