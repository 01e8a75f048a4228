package apihttp

import (
	"encoding/json"
	"strings"
	"unicode"
)

// Problem is the body of a refusal, in one of the three shapes that Bookbag
// documents: {error:{code,message,details}}, the same beside success:false, or
// {message,issues}.
type Problem struct {
	Code    string
	Message string
	Details json.RawMessage // or the issues
}

const maxText = 512

// Problem decodes the body by its shape, not by the path that answered. For a
// body of no known shape, such as a proxy's page, the message is a cut of it.
func (f *Failure) Problem() Problem {
	var body struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
		Issues  json.RawMessage `json:"issues"`
	}
	if json.Unmarshal(f.Body, &body) == nil {
		var problem map[string]json.RawMessage
		_ = json.Unmarshal(body.Error, &problem) // of another shape: nothing is found in it
		if code, message := text(problem["code"]), text(problem["message"]); code+message != "" {
			return Problem{Code: cut(code, 128), Message: cut(message, maxText), Details: problem["details"]}
		}
		if message := text(body.Message); message != "" {
			return Problem{Message: cut(message, maxText), Details: body.Issues}
		}
	}
	return Problem{Message: cut(string(f.Body), maxText)}
}

// text returns a JSON string's text, and any other value as it is written.
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || string(raw) == "null" || json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// Cut makes foreign text fit to be kept in an error: short, valid, one line.
func Cut(text string) string { return cut(text, maxText) }

func cut(text string, limit int) string {
	text = strings.ToValidUTF8(text[:min(len(text), limit)], "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
