package chatclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"time"

	"github.com/chatident/chatident/internal/bookbag"
)

// maxPage is how much is read of a response that is neither a stream nor JSON.
const maxPage = 4 << 10

// openReply reads a response that is not a stream. A whole reply as JSON becomes a stream,
// because the service has added the message. Anything else is an error.
func (c *Client) openReply(res *bookbag.Response, mediaType string) (*Stream, error) {
	reply, err := c.readReply(res, mediaType)
	if err != nil {
		res.Close(ErrStreamClosed)
		return nil, err
	}
	events := reply.events()
	return c.newStream(res, bytes.NewReader(events), max(c.maxEvent, len(events))), nil
}

func (c *Client) readReply(res *bookbag.Response, mediaType string) (*Reply, error) {
	limit := int64(maxPage)
	if mediaType == "application/json" {
		limit = c.api.MaxBody
	}
	timer := time.AfterFunc(c.idleTimeout, func() { res.Abort(ErrStreamIdle) })
	defer timer.Stop()
	res.Body, _ = io.ReadAll(io.LimitReader(res.Stream, limit+1)) // an incomplete body is an error below
	if ended := res.Ended(); ended != nil && ended.Err != ErrStreamIdle {
		return nil, newError(ended)
	}
	if int64(len(res.Body)) > c.api.MaxBody {
		return nil, newError(res.Failure(ErrTooLong))
	}
	return decodeReply(res)
}

// events encodes the reply as the event stream that the service could have sent.
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
