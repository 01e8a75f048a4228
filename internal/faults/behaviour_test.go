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

func always(b behaviour) func(*operation) behaviour { return func(*operation) behaviour { return b } }

// Places in an answer.
func start([]byte) int           { return 0 }
func inHeader(answer []byte) int { return bodyOf(answer) / 2 }
func middle(answer []byte) int   { return (bodyOf(answer) + len(answer)) / 2 }

func halfClose(at func([]byte) int) behaviour {
	return func(client *net.TCPConn, ask func() []byte) {
		answer := ask()
		_, _ = client.Write(answer[:at(answer)])
		_ = client.CloseWrite()
		untilGone(client)
	}
}

func reset(at func([]byte) int) behaviour {
	return func(client *net.TCPConn, ask func() []byte) {
		answer := ask()
		_, _ = client.Write(answer[:at(answer)])
		time.Sleep(20 * time.Millisecond) // a reset takes with it what was not read by then
		_ = client.SetLinger(0)
		_ = client.Close()
	}
}

func late(client *net.TCPConn, ask func() []byte) {
	time.Sleep(2 * patience)
	intact(client, ask)
}

func silence(client *net.TCPConn, ask func() []byte) {
	answer := ask()
	_, _ = client.Write(answer[:middle(answer)])
	untilGone(client)
}

// trickle is one of a byte a second before a client with a patience of 15: a
// hundred times as fast.
func trickle(from func([]byte) int) behaviour {
	return func(client *net.TCPConn, ask func() []byte) {
		answer := ask()
		_, err := client.Write(answer[:from(answer)])
		for i := from(answer); i < len(answer) && err == nil; i++ {
			_, err = client.Write(answer[i : i+1])
			time.Sleep(patience / 15)
		}
	}
}

// endless goes on until the client has had enough.
func endless(begin, again string) behaviour {
	return func(client *net.TCPConn, _ func() []byte) { repeat(client, begin, again) }
}

func repeat(w io.Writer, begin, again string) {
	_, err := io.WriteString(w, begin)
	again = strings.Repeat(again, 1+4096/len(again))
	for n := 0; n < endlessly && err == nil; n += len(again) {
		_, err = io.WriteString(w, again)
	}
}

func bomb(header, again string) behaviour {
	return func(client *net.TCPConn, _ func() []byte) {
		_, _ = io.WriteString(client, header)
		z := gzip.NewWriter(client)
		repeat(z, "", again)
		_ = z.Close()
	}
}

func untilGone(client *net.TCPConn) {
	_ = client.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, client)
}
