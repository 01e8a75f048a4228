package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/internal/sse"
	"github.com/openai/openai-go/v3/packages/ssestream"
	r3labs "github.com/r3labs/sse/v2"
	gosse "github.com/tmaxmax/go-sse"
)

const (
	recordedPieces = 2000

	deltaEvent = "data: {\"type\":\"text-delta\",\"text\":\"" + piece + "\"}\n\n"
	doneEvent  = "data: [DONE]\n\n"
)

// recorded is a stream in memory.
var recorded = []byte(strings.Repeat(deltaEvent, recordedPieces) + doneEvent)

// framing finds the events of a stream without decoding their data.
func framing() (*Group, error) {
	return &Group{
		Task:  "SSE framing, per event",
		Ours:  perEvent("chatident", framesOfOurs, recordedPieces+1),
		Floor: perEvent("floor: line ends by bytes.IndexByte, without a copy", framesByHand, recordedPieces+1),
		Peers: []Item{
			perEvent("net/http by hand: bufio.Scanner", framesOfScanner, recordedPieces+1),
			perEvent("openai-go, packages/ssestream", framesOfOpenAI, recordedPieces+1),
			perEvent("tmaxmax/go-sse", framesOfGoSSE, recordedPieces+1),
			perEvent("r3labs/sse", framesOfR3labs, recordedPieces+1),
		},
		AtMost: 1.5,
		Allocs: upTo(0),
	}, nil
}

// decoding reads the text of a whole reply.
func decoding() (*Group, error) {
	var service recording
	bot, err := chatclient.New(apiKey, agent, &chatclient.Options{HTTPClient: &http.Client{Transport: &service}})
	if err != nil {
		return nil, err
	}
	return &Group{
		Task: "SSE with the delta decoded, per event",
		Ours: perEvent("chatident, Stream.Text", func(stream []byte) (int, error) {
			service.stream = stream
			return textOfOurs(bot)
		}, recordedPieces*len(piece)),
		Floor: perEvent("floor: line ends by bytes.IndexByte, the text copied without decoding", textByHand, recordedPieces*len(piece)),
		Peers: []Item{
			perEvent("framing as above, encoding/json for each event", textOfJSON, recordedPieces*len(piece)).slower(5),
			perEvent("net/http by hand: bufio.Scanner, encoding/json", textOfScanner, recordedPieces*len(piece)).slower(5),
			perEvent("openai-go, ssestream.Stream", textOfOpenAI, recordedPieces*len(piece)).slower(5),
		},
		Allocs: upTo(1),
	}, nil
}

// perEvent returns an item whose n counts events. It reads streams of 2,000 pieces, and a
// shorter one for the rest.
func perEvent(name string, read func(stream []byte) (int, error), want int) Item {
	return Item{
		Name: name,
		Run: func(n int) (time.Duration, error) {
			begun := time.Now()
			for n > 0 {
				pieces := min(n, recordedPieces)
				if _, err := read(recorded[(recordedPieces-pieces)*len(deltaEvent):]); err != nil {
					return 0, err
				}
				n -= pieces
			}
			return time.Since(begun), nil
		},
		Check: func() error {
			got, err := read(recorded)
			if err != nil {
				return err
			}
			return equal(got, want)
		},
	}
}

func framesOfOurs(stream []byte) (n int, err error) {
	for r := sse.NewReader(bytes.NewReader(stream), 1<<20); ; {
		e, err := r.Next()
		if err != nil {
			return n, orNil(err)
		}
		if !e.Partial {
			n++
		}
	}
}

// orNil returns nil for io.EOF, the expected end.
func orNil(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

func framesByHand(stream []byte) (int, error) { return byHand(stream, nil) }

func textByHand(stream []byte) (int, error) {
	var text strings.Builder
	_, err := byHand(stream, &text)
	return text.Len(), err
}

// byHand counts events, and appends their text if text is non-nil. It assumes that each
// event is one line of data and a blank line, and that each delta has the form of deltaEvent.
func byHand(stream []byte, text *strings.Builder) (n int, err error) {
	src, buf := bytes.NewReader(stream), make([]byte, 4096)
	for event, line, end := 0, 0, 0; ; {
		i := bytes.IndexByte(buf[line:end], '\n')
		if i < 0 {
			line, end = line-event, copy(buf, buf[event:end])
			event = 0
			n1, err := src.Read(buf[end:])
			if err != nil {
				return n, orNil(err)
			}
			end += n1
			continue
		}
		if i == 0 {
			if data := buf[event+len("data: ") : line-1]; text != nil && data[0] == '{' {
				text.Write(data[len(`{"type":"text-delta","text":"`) : len(data)-len(`"}`)])
			}
			n++
			event = line + 1
		}
		line += i + 1
	}
}

// recording is a transport that always returns the same response.
type recording struct{ stream []byte }

func (r recording) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"text/event-stream"}},
		Body:       io.NopCloser(bytes.NewReader(r.stream)),
	}, nil
}

func textOfOurs(bot *chatclient.Client) (n int, err error) {
	stream, err := bot.Stream(context.Background(), question)
	if err != nil {
		return 0, err
	}
	for text, err := range stream.Text() {
		if err != nil {
			return n, err
		}
		n += len(text)
	}
	return n, nil
}

// delta is an event for encoding/json.
type delta struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func textOfJSON(stream []byte) (n int, err error) {
	for r := sse.NewReader(bytes.NewReader(stream), 1<<20); ; {
		e, err := r.Next()
		if err != nil || string(e.Data) == "[DONE]" {
			return n, err
		}
		if e.Partial {
			continue
		}
		var d delta
		if err := json.Unmarshal(e.Data, &d); err != nil {
			return n, err
		}
		n += len(d.Text)
	}
}

func framesOfScanner(stream []byte) (n int, err error) {
	err = scan(stream, func([]byte) error { n++; return nil })
	return n, err
}

func textOfScanner(stream []byte) (n int, err error) {
	err = scan(stream, func(data []byte) error {
		var d delta
		if string(data) == "[DONE]" {
			return nil
		}
		err := json.Unmarshal(data, &d)
		n += len(d.Text)
		return err
	})
	return n, err
}

// scan is a common simplification: each line that begins with "data: " is an event.
func scan(stream []byte, yield func(data []byte) error) error {
	lines := bufio.NewScanner(bytes.NewReader(stream))
	for lines.Scan() {
		if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok {
			if err := yield(data); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

func openAI(stream []byte) ssestream.Decoder {
	response, _ := recording{stream}.RoundTrip(nil)
	return ssestream.NewDecoder(response)
}

func framesOfOpenAI(stream []byte) (n int, err error) {
	d := openAI(stream)
	for d.Next() {
		n++
	}
	return n, d.Err()
}

func textOfOpenAI(stream []byte) (n int, err error) {
	events := ssestream.NewStream[delta](openAI(stream), nil)
	for events.Next() {
		n += len(events.Current().Text)
	}
	return n, events.Err()
}

func framesOfGoSSE(stream []byte) (n int, err error) {
	for _, err := range gosse.Read(bytes.NewReader(stream), nil) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// framesOfR3labs uses the client, because the package's reader alone does not parse events.
func framesOfR3labs(stream []byte) (n int, err error) {
	client := r3labs.NewClient("http://localhost")
	client.Connection.Transport = recording{stream}
	err = client.SubscribeRaw(func(*r3labs.Event) { n++ })
	return n, err
}
