package chatclient

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/chatident/chatident/internal/bookbag"
)

// Export returns all conversations of the agent with their messages, each as
// soon as it has arrived: the response is never in memory as a whole. It sends a
// new request each time it is ranged over, and closes the response at the end of
// the loop, however it ends.
//
// An error is the last thing it returns, an *[Error]: [ErrTooLong] for a
// conversation longer than Options.MaxBody, [ErrStreamIdle] if none arrives
// within Options.IdleTimeout, and [ErrUnexpectedResponse] if the response is not
// the whole list. The request is not repeated after its response has begun.
//
// Source: Bookbag, API v2, "Export".
func (c *Client) Export(ctx context.Context) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		call := get("/agents/{agentId}/conversations/export", c.agentPath("conversations", "export"), nil)
		res, err := c.api.Open(ctx, call)
		if err != nil {
			yield(Conversation{}, fail(err))
			return
		}
		defer res.Close(ErrStreamClosed)
		err = c.readExport(res, yield)
		switch ended := contextEnded(call.Operation, res); {
		case err == nil || err == errLoopEnded:
		case ended != nil:
			yield(Conversation{}, ended)
		default:
			yield(Conversation{}, undecodable(call.Operation, res, err))
		}
	}
}

// errLoopEnded says that the caller wants no more conversations.
var errLoopEnded = errors.New("the loop has ended")

func (c *Client) readExport(res *bookbag.Response, yield func(Conversation, error) bool) error {
	var beginning head
	body := &idleReader{body: io.TeeReader(res.Stream, &beginning), timeout: c.idleTimeout, onIdle: func() { res.Abort(ErrStreamIdle) }}
	s := bookbag.NewScanner(body, int(c.maxText))
	each := func(item []byte) error {
		body.alive()
		var conversation Conversation
		if err := bookbag.Unmarshal(item, &conversation); err != nil {
			return err
		}
		if err := res.Context.Err(); err != nil { // what is left in the buffer comes too late
			return err
		}
		if !yield(conversation, nil) {
			return errLoopEnded
		}
		return nil
	}
	found := false
	var rest pagination
	err := s.Members(func(name []byte) error {
		if string(name) == "data" && !found {
			found = true
			return s.Items(bookbag.Unlimited, each)
		}
		return rest.read(s, name)
	})
	if err == nil {
		err = s.End()
	}
	if err == nil && (!found || rest.cursor != "") {
		err = bookbag.ErrFormat
	}
	body.alive()
	if !found {
		res.Body = beginning
	}
	return err
}

// head keeps the beginning of what is written to it.
type head []byte

func (h *head) Write(p []byte) (int, error) {
	*h = append(*h, p[:min(len(p), maxPage-len(*h))]...)
	return len(p), nil
}
