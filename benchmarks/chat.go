package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/chatident/chatident/chatclient"
)

var question = chatclient.Message{Text: "Where is my order?", UserID: "user_8821"}

// chat is one call without streaming, to a service in another process.
func chat() (*Group, error) {
	s, err := startService()
	if err != nil {
		return nil, err
	}
	bot, err := chatclient.New(apiKey, agent, &chatclient.Options{BaseURL: s.url, HTTPClient: &http.Client{Transport: transport()}})
	if err != nil {
		return nil, err
	}
	byHand := &http.Client{Transport: transport(), Timeout: time.Minute}
	right := func(r reply) error {
		return equal(fmt.Sprint(r.text, r.conversation, r.credits), fmt.Sprint(replyText, "456", 1.0))
	}
	return &Group{
		Task: "chat call without a stream, over loopback",
		Ours: call("chatident", func() (reply, error) {
			r, err := bot.Send(context.Background(), question)
			if err != nil {
				return reply{}, err
			}
			return reply{r.Text(), string(r.Metadata.ConversationID), r.Metadata.Usage.Credits}, nil
		}, right),
		Floor:  call("floor: net/http and encoding/json by hand", func() (reply, error) { return chatByHand(byHand, s.url) }, right),
		AtMost: 1.1,
		Close:  s.stop,
	}, nil
}

// reply has what a caller needs of a response.
type reply struct {
	text, conversation string
	credits            float64
}

func chatByHand(client *http.Client, url string) (r reply, err error) {
	body, err := json.Marshal(struct {
		Message string `json:"message"`
		UserID  string `json:"userId"`
		Stream  bool   `json:"stream"`
	}{question.Text, string(question.UserID), false})
	if err != nil {
		return r, err
	}
	request, err := http.NewRequest("POST", url+"/api/v2/agents/123/chat", bytes.NewReader(body))
	if err != nil {
		return r, err
	}
	request.Header.Set("Authorization", "Bearer "+apiKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return r, fmt.Errorf("status %d", response.StatusCode)
	}
	var parsed struct {
		Data struct {
			Parts []struct {
				Type string `json:"type"`
				Text string `json:"text"`
			} `json:"parts"`
			Metadata struct {
				ConversationID string `json:"conversationId"`
				Usage          struct {
					Credits float64 `json:"credits"`
				} `json:"usage"`
			} `json:"metadata"`
		} `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&parsed); err != nil {
		return r, err
	}
	for _, part := range parsed.Data.Parts {
		if part.Type == "text" {
			r.text += part.Text
		}
	}
	r.conversation, r.credits = parsed.Data.Metadata.ConversationID, parsed.Data.Metadata.Usage.Credits
	return r, nil
}
