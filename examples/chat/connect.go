package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/chatident/chatident/chatclient"
	"github.com/chatident/chatident/chatclient/chattest"
	"github.com/chatident/chatident/examples/internal/standin"
)

// connect returns a client of the real service if the environment has a key and an agent,
// and otherwise of a fake.
func connect(getenv func(string) string) (bot *chatclient.Client, where string, closeBot func(), err error) {
	key, agentText := getenv("BOOKBAG_API_KEY"), getenv("BOOKBAG_AGENT_ID")
	if key == "" && agentText == "" {
		return connectToFake()
	}
	if key == "" || agentText == "" {
		return nil, "", nil, errors.New("BOOKBAG_API_KEY and BOOKBAG_AGENT_ID: set both, or neither")
	}
	agent, err := strconv.ParseInt(agentText, 10, 64)
	if err != nil {
		return nil, "", nil, fmt.Errorf("BOOKBAG_AGENT_ID: %w", err)
	}
	bot, err = chatclient.New(key, agent, nil)
	if err != nil {
		return nil, "", nil, fmt.Errorf("BOOKBAG_API_KEY: %w", err)
	}
	return bot, fmt.Sprintf("agent %d of Bookbag", agent), func() {}, nil
}

func connectToFake() (*chatclient.Client, string, func(), error) {
	fake, err := chattest.New(&chattest.Options{Reply: reply, Pace: standin.Pace})
	if err != nil {
		return nil, "", nil, err
	}
	server := fake.Start()
	bot, err := chatclient.New("oc_test_chattest", 123, &chatclient.Options{BaseURL: server.URL})
	return bot, "a fake of Bookbag", server.Close, err
}

func reply(turn chattest.Turn) []chattest.Part {
	return []chattest.Part{chattest.Text(standin.Reply(turn.Message))}
}
