package faults

import (
	"compress/gzip"
	"io"
	"net"
	"strings"
	"time"
)

// endlessly many bytes are these: more than any limit of a client.
const endlessly = 128 << 20

// Places in an answer.
func start([]byte) int           { return 0 }
func inHeader(answer []byte) int { return bodyOf(answer) / 2 }
func middle(answer []byte) int   { return (bodyOf(answer) + len(answer)) / 2 }

func halfClose(at func([]byte) int) behaviour {
	return func(client net.Conn, ask func() []byte) {
		answer := ask()
		_, _ = client.Write(answer[:at(answer)])
		_ = client.(*net.TCPConn).CloseWrite()
		untilGone(client)
	}
}

func reset(at func([]byte) int) behaviour {
	return func(client net.Conn, ask func() []byte) {
		answer := ask()
		_, _ = client.Write(answer[:at(answer)])
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
	answer := ask()
	_, _ = client.Write(answer[:middle(answer)])
	untilGone(client)
}

// trickle sends a byte at a time.
func trickle(from func([]byte) int, pause time.Duration) behaviour {
	return func(client net.Conn, ask func() []byte) {
		answer := ask()
		_, err := client.Write(answer[:from(answer)])
		for i := from(answer); i < len(answer) && err == nil; i++ {
			_, err = client.Write(answer[i : i+1])
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
