package chatclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/chatident/chatident/internal/bookbag"
)

// Export iterates over all conversations of the agent with their messages. It decodes
// each conversation as it arrives, and does not hold the whole response in memory.
// Each loop sends a new request, and closes the response at its end.
//
// An *[Error] ends the iteration: [ErrTooLong] if a conversation is longer than
// Options.MaxBody, [ErrStreamIdle] if no conversation arrives within
// Options.IdleTimeout, or [ErrUnexpectedResponse] if the response is not a complete
// list. The request is not repeated after the response has begun.
//
// Source: Bookbag, API v2, "Export".
func (c *Client) Export(ctx context.Context) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		res, err := c.service().Open(ctx, readCall("/agents/{agentId}/conversations/export"))
		if err != nil {
			yield(Conversation{}, fail(err))
			return
		}
		defer res.Close(ErrStreamClosed)
		e := &export{res: res, limit: c.api.MaxBody}
		e.body = &idleReader{body: res.Stream, timeout: c.idleTimeout, onIdle: func() { res.Abort(ErrStreamIdle) }}
		e.d = json.NewDecoder(e)
		err = e.response(yield)
		e.body.alive()
		if err != nil && err != errLoopEnded {
			yield(Conversation{}, e.failed(err))
		}
	}
}

// errLoopEnded means that the caller wants no more conversations.
var errLoopEnded = errors.New("the loop has ended")

// export decodes the response of an export from the network.
type export struct {
	res       *bookbag.Response
	body      *idleReader
	d         *json.Decoder // reads from the export
	limit     int64         // bytes that may be in memory
	taken     int64         // bytes read from the body
	beginning []byte        // of the body, for the error
	err       error         // of the body
	found     bool          // the member data
	rest      pagination
}

// Read reads from the body. If the decoder holds more bytes than the limit, it returns
// ErrTooLong.
func (e *export) Read(p []byte) (n int, err error) {
	if e.taken-e.d.InputOffset() > e.limit {
		e.err = bookbag.ErrTooLong
		return 0, e.err
	}
	n, e.err = e.body.Read(p)
	e.taken += int64(n)
	e.beginning = append(e.beginning, p[:min(n, maxPage-len(e.beginning))]...)
	return n, e.err
}

// response decodes the response, and passes its conversations to yield.
func (e *export) response(yield func(Conversation, error) bool) error {
	err := e.each('{', func() error {
		name, err := e.d.Token()
		if err == nil {
			err = e.member(name, yield)
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := e.d.Token(); err != io.EOF || !e.found || e.rest.cursor != "" {
		return bookbag.ErrFormat
	}
	return nil
}

// each calls f for each member of an object, or item of a list.
func (e *export) each(begin json.Delim, f func() error) error {
	token, err := e.d.Token()
	if err == nil && token != begin {
		err = bookbag.ErrFormat
	}
	for err == nil && e.d.More() {
		err = f()
	}
	if err == nil {
		_, err = e.d.Token() // the end
	}
	return err
}

// member decodes a member of the response. The conversations are in data.
func (e *export) member(name json.Token, yield func(Conversation, error) bool) error {
	var value json.RawMessage
	if name != "data" || e.found {
		err := e.d.Decode(&value)
		if err == nil && name == "pagination" {
			err = e.rest.read(value)
		}
		return err
	}
	e.found = true
	return e.each('[', func() error {
		var conversation Conversation
		err := e.d.Decode(&value)
		if err == nil {
			err = bookbag.CheckLength(value)
		}
		if err == nil {
			err = bookbag.Object(value, &conversation)
		}
		e.body.alive()
		err = cmp.Or(err, e.res.Err()) // conversations in the buffer are not delivered
		if err == nil && !yield(conversation, nil) {
			err = errLoopEnded
		}
		return err
	})
}

// failed returns the error of a response that cannot be read further.
func (e *export) failed(err error) error {
	if ended := e.res.Ended(); ended != nil {
		return newError(ended)
	}
	switch {
	case err == bookbag.ErrTooLong:
	case e.err != nil && e.err != io.EOF:
		err = e.err
	default:
		err = bookbag.ErrFormat
	}
	f := e.res.Failure(err)
	if !e.found && err == bookbag.ErrFormat {
		_, _ = io.CopyN(io.Discard, e, maxPage) // an incomplete beginning is enough
		f.Problem = e.res.Problem(e.beginning)
	}
	return newError(f)
}
