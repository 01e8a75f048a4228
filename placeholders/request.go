package placeholders

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
)

// Request returns the HTTP request for the customer that source describes. A request
// with a body has a Content-Type, and GetBody is set, so that a client can retry it.
//
// A nil ctx or source is a *[FieldError], and so is an output that is too long. If values
// are missing, or null where null is not allowed, the error is a *[MissingError] that
// lists all of them. A value that its placeholder does not accept is a *[ValueError].
//
// Request sends nothing. Use a client that follows no redirects
// (http.Client.CheckRedirect): otherwise another host may receive the body.
func (c *CompiledAction) Request(ctx context.Context, source Source) (*http.Request, error) {
	if ctx == nil {
		return nil, &FieldError{"ctx", "must not be nil"}
	}
	values, err := c.values(source)
	if err != nil {
		return nil, err
	}
	return c.reveal().request(ctx, values)
}

// values looks up the values of the variables.
func (c *CompiledAction) values(source Source) (Values, error) {
	if c == nil || c.reveal == nil {
		return nil, &FieldError{"action", "must come from Compile"}
	}
	if isNil(source) {
		return nil, &FieldError{"source", "must not be nil"}
	}
	return c.reveal().mapping.Values(source), nil
}

func (c *compiled) request(ctx context.Context, values Values) (*http.Request, error) {
	if err := missing(values, c.templates...); err != nil {
		err.Paths = maps.Clone(c.mapping.paths)
		return nil, err
	}
	headers := http.Header{}
	for _, h := range c.headers {
		text, err := h.value.append(nil, values)
		if err != nil {
			return nil, err
		}
		headers.Set(h.name, string(text))
	}
	url, err := c.url.append(nil, values)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if c.body != nil {
		text, err := c.body.append(nil, values)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
		if headers.Get("Content-Type") == "" {
			headers.Set("Content-Type", jsonType)
		}
	}
	request, err := http.NewRequestWithContext(ctx, c.method, string(url), body)
	if err != nil || !c.url.urlParts.same(request.URL) { // the error's text would hold the URL
		return nil, &FieldError{"url", "must have the scheme, host and path segments of its template"}
	}
	request.Header = headers
	return request, nil
}
