package placeholders

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// Request returns the HTTP request for the customer that source describes. It has a
// Content-Type if it has a body, and its body can be read again, so that a client
// may repeat it.
//
// A nil ctx or source is a *[FieldError], and so is an output that is too long; all
// values that are missing or null together are a *[MissingError], and a value that
// cannot be where its placeholder is is a *[ValueError].
//
// Nothing is sent. Send it with a client that follows no redirects
// (http.Client.CheckRedirect), or another host may get its body.
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
	if err := missing(values, c.templates()...); err != nil {
		return nil, err
	}
	header := http.Header{}
	for _, h := range c.headers {
		value, err := h.render(values)
		if err != nil {
			return nil, err
		}
		header.Set(h.header, string(value))
	}
	url, err := c.url.render(values)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	if c.body != nil {
		b, err := c.body.render(values)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", jsonType)
		}
	}
	request, err := http.NewRequestWithContext(ctx, c.method, string(url), body)
	if err != nil || !c.url.template.url.same(request.URL) { // the error's text would hold the URL
		return nil, &FieldError{"url", "must have the scheme, host and path segments of its template"}
	}
	request.Header = header
	return request, nil
}

func (f *field) render(values Values) ([]byte, error) {
	b, err := f.template.append(nil, values)
	switch err := err.(type) {
	case *ValueError:
		err.Field = f.path
	case *FieldError:
		err.Field = f.path
	}
	return b, err
}
