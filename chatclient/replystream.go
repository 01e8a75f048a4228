package chatclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// maxPage is how much is read of a response that is neither a stream nor JSON.
const maxPage = 4 << 10

// openReply reads a response that is no stream. A whole reply becomes a stream, because
// the turn was made; anything else is an error.
func (c *Client) openReply(operation string, res *bookbag.Response, mediaType string) (*Stream, error) {
	reply, err := c.readReply(operation, res, mediaType)
	if err != nil {
		res.Close(ErrStreamClosed)
		return nil, err
	}
	events := reply.events()
	return c.newStream(operation, res, bytes.NewReader(events), max(c.maxEvent, len(events))), nil
}

func (c *Client) readReply(operation string, res *bookbag.Response, mediaType string) (*Reply, error) {
	limit := int64(maxPage)
	if mediaType == "application/json" {
		limit = c.maxText
	}
	timer := time.AfterFunc(c.idleTimeout, func() { res.Abort(ErrStreamIdle) })
	defer timer.Stop()
	body, _ := io.ReadAll(io.LimitReader(res.Stream, limit+1)) // what came of it is enough
	if ended := contextEnded(operation, res); ended != nil && !errors.Is(ended, ErrStreamIdle) {
		return nil, ended
	}
	if int64(len(body)) > c.maxText {
		return nil, because(operation, res, ErrTooLong, nil)
	}
	res.Body = body
	return decodeReply(operation, res)
}

// events returns the stream that a reply would have been.
func (r *Reply) events() (stream []byte) {
	add := func(event any) {
		b, _ := json.Marshal(event) // of texts and JSON that was decoded: there is no error
		stream = append(append(append(stream, "data: "...), b...), "\n\n"...)
	}
	for _, part := range r.Parts {
		switch part.Type {
		case PartText:
			add(Part{Type: EventTextDelta, Text: part.Text})
		case PartToolCall:
			part.Type = EventToolCall
			add(part)
		}
	}
	metadata := r.Metadata
	metadata.MessageID = cmp.Or(metadata.MessageID, r.ID)
	add(struct {
		Type     string   `json:"type"`
		Metadata Metadata `json:"metadata"`
	}{EventFinish, metadata})
	return append(stream, "data: "+done+"\n\n"...)
}
