package bookbag

import "encoding/json"

// Problem is the body of a rejection, or the event of a stream's failure, in one of
// the three forms that Bookbag documents: {error:{code,message,details}}, the same
// beside success:false, or {message,issues}; or {error} with a text. Its texts are
// fit for errors.
type Problem struct {
	Code    string
	Message string
	Details json.RawMessage // or the issues

	// IsService says that the body is an object with an error or a message, as
	// the service's are. A firewall or a proxy sends something else.
	IsService bool
}

// problem decodes a body by its form, not by the path of the request. For a body
// of no known form, such as a proxy's page, the message is its beginning.
func (f foreign) problem(body []byte) Problem {
	var fields struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
		Issues  json.RawMessage `json:"issues"`
	}
	if json.Unmarshal(body, &fields) == nil {
		isService := fields.Error != nil || fields.Message != nil
		var problem struct {
			Code    json.RawMessage `json:"code"`
			Message json.RawMessage `json:"message"`
			Details json.RawMessage `json:"details"`
		}
		_ = json.Unmarshal(fields.Error, &problem) // of another form: nothing is found in it
		if code, message := text(problem.Code), text(problem.Message); code+message != "" {
			return Problem{f.text(code, maxShort), f.text(message, maxText), f.details(problem.Details), isService}
		}
		if message := text(fields.Message); message != "" {
			return Problem{"", f.text(message, maxText), f.details(fields.Issues), isService}
		}
		var message string
		if json.Unmarshal(fields.Error, &message) == nil && message != "" {
			return Problem{Message: f.text(message, maxText), IsService: isService}
		}
		return Problem{Message: f.text(string(body), maxText), IsService: isService}
	}
	return Problem{Message: f.text(string(body), maxText)}
}

func (f foreign) details(details json.RawMessage) json.RawMessage {
	if f.repeatsKey(string(details)) {
		return nil
	}
	return details
}

// text returns a JSON string's text, and any other value as it is written.
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || string(raw) == "null" || json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
