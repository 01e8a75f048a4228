package faults

import (
	"compress/gzip"
	"io"
	"net"
	"strings"
	"time"
)

// endlessly is a number of bytes above every limit of a client.
const endlessly = 128 << 20

// Offsets in a response.
func start([]byte) int             { return 0 }
func inHeader(response []byte) int { return bodyOf(response) / 2 }
func middle(response []byte) int   { return (bodyOf(response) + len(response)) / 2 }

func halfClose(at func([]byte) int) behaviour {
	return func(client net.Conn, ask func() []byte) {
		response := ask()
		_, _ = client.Write(response[:at(response)])
		_ = client.(*net.TCPConn).CloseWrite()
		untilGone(client)
	}
}

func reset(at func([]byte) int) behaviour {
	return func(client net.Conn, ask func() []byte) {
		response := ask()
		_, _ = client.Write(response[:at(response)])
		time.Sleep(20 * time.Millisecond) // a reset takes with it what was not read by then
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = client.Close()
	}
}

func late(client net.Conn, ask func() []byte) {
	time.Sleep(2 * time.Minute)
	intact(client, ask)
}

func silence(client net.Conn, ask func() []byte) {
	response := ask()
	_, _ = client.Write(response[:middle(response)])
	untilGone(client)
}

// trickle sends a byte at a time.
func trickle(from func([]byte) int, pause time.Duration) behaviour {
	return func(client net.Conn, ask func() []byte) {
		response := ask()
		_, err := client.Write(response[:from(response)])
		for i := from(response); i < len(response) && err == nil; i++ {
			_, err = client.Write(response[i : i+1])
			time.Sleep(pause)
		}
	}
}

// everySecond goes on until the client has had enough.
func everySecond(begin, again string) behaviour {
	return func(client net.Conn, _ func() []byte) {
		_, err := io.WriteString(client, begin)
		for err == nil {
			time.Sleep(time.Second)
			_, err = io.WriteString(client, again)
		}
	}
}

func thenSilence(begin string) behaviour {
	return func(client net.Conn, _ func() []byte) {
		_, _ = io.WriteString(client, begin)
		untilGone(client)
	}
}

// endless goes on without a pause.
func endless(begin, again string) behaviour {
	return func(client net.Conn, _ func() []byte) { repeat(client, begin, again) }
}

func repeat(w io.Writer, begin, again string) {
	_, err := io.WriteString(w, begin)
	again = strings.Repeat(again, 1+4096/len(again))
	for n := 0; n < endlessly && err == nil; n += len(again) {
		_, err = io.WriteString(w, again)
	}
}

func bomb(header, again string) behaviour {
	return func(client net.Conn, _ func() []byte) {
		_, _ = io.WriteString(client, header)
		z := gzip.NewWriter(client)
		repeat(z, "", again)
		_ = z.Close()
	}
}
