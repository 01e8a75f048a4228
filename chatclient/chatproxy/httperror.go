package chatproxy

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/chatident/chatident/chatclient"
)

// httpError is a response other than the wanted one: a code and a sentence
// of ours, whatever the cause. Within a reply it is a frame.
type httpError struct {
	status     int // 0 for one that only a reply has
	code       string
	sentence   string
	retryAfter time.Duration // 0 if it is not known
	poll       string        // the ticket, if a person has the conversation

	// cause is reported to the operator. It is nil if the fault is the visitor's.
	cause error
}

var (
	errSignIn               = &httpError{status: http.StatusUnauthorized, code: "sign_in_required", sentence: "Please sign in to chat."}
	errCrossSite            = &httpError{status: http.StatusForbidden, code: "cross_site", sentence: "Only pages of this site may ask."}
	errConversationNotFound = &httpError{status: http.StatusNotFound, code: "conversation_not_found", sentence: "This conversation cannot be found. Please begin a new one."}
	errMessageNotFound      = &httpError{status: http.StatusNotFound, code: "message_not_found", sentence: "This message cannot be found."}
	errToolCallNotFound     = &httpError{status: http.StatusNotFound, code: "tool_call_not_found", sentence: "This result is not expected."}
	errMethod               = &httpError{status: http.StatusMethodNotAllowed, code: "method_not_allowed", sentence: "This method is not allowed here."}
	errTooSlow              = &httpError{status: http.StatusRequestTimeout, code: "too_slow", sentence: "The message did not arrive in time. Please try again."}
	errEnded                = &httpError{status: http.StatusConflict, code: "conversation_ended", sentence: "This conversation has ended. Please begin a new one."}
	errNotHeld              = &httpError{status: http.StatusConflict, code: "conversation_not_held", sentence: "The assistant has this conversation again."}
	errReplyPending         = &httpError{status: http.StatusConflict, code: "reply_pending", sentence: "The first reply is still on its way. Please try again in a moment.", retryAfter: 5 * time.Second}
	errTooLarge             = &httpError{status: http.StatusRequestEntityTooLarge, code: "too_large", sentence: "The message is too long."}
	errNotJSON              = &httpError{status: http.StatusUnsupportedMediaType, code: "not_json", sentence: "The Content-Type must be application/json."}
	errBusy                 = &httpError{status: http.StatusTooManyRequests, code: "busy", sentence: "The chat is busy. Please try again in a moment.", retryAfter: time.Second}
	errTooManyStreams       = &httpError{status: http.StatusTooManyRequests, code: "too_many_streams", sentence: "Please wait until another reply has ended.", retryAfter: time.Second}
)

// invalid is the visitor's own fault. The rule is constant text.
func invalid(rule string) *httpError {
	return &httpError{status: http.StatusBadRequest, code: "invalid_request", sentence: rule}
}

func tooManyRequests(retryAfter time.Duration) *httpError {
	return &httpError{status: http.StatusTooManyRequests, code: "too_many_requests", sentence: "These were too many requests at once. Please wait a moment.", retryAfter: retryAfter}
}

// internal is the site's own fault.
func internal(cause error) *httpError {
	return &httpError{status: http.StatusInternalServerError, code: "internal_error", sentence: "Something went wrong. Please try again later.", cause: cause}
}

// held says that a person has the conversation, and the service did not take the message.
func held(poll string) *httpError {
	return &httpError{status: http.StatusConflict, code: "conversation_held", sentence: "A person has this conversation and takes no messages here at the moment.", poll: poll}
}

// upstream returns the response for an error of the client.
func upstream(err error, hasTicket bool) *httpError {
	unavailable := &httpError{status: http.StatusBadGateway, code: "bot_unavailable", sentence: "The assistant is not available at the moment.", cause: err}
	e, ok := errors.AsType[*chatclient.Error](err)
	if !ok {
		return unavailable // an argument that only we can have got wrong
	}
	switch {
	case errors.Is(err, chatclient.ErrLimiter), e.StatusCode == http.StatusTooManyRequests:
		return &httpError{status: http.StatusTooManyRequests, code: "busy", sentence: "The assistant is busy. Please try again in a moment.", retryAfter: max(e.RetryAfter, time.Second), cause: err}
	case errors.Is(err, chatclient.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return &httpError{status: http.StatusGatewayTimeout, code: "bot_timeout", sentence: "The assistant did not respond in time. Please try again.", cause: err}
	case e.Code == chatclient.CodeConversationNotOngoing:
		return errEnded
	case e.Code == chatclient.CodeMessageNotAssistant:
		return &httpError{status: http.StatusBadRequest, code: "not_assistant", sentence: "Only a reply of the assistant can be rated."}
	case e.Code == chatclient.CodeMessageNotFound, e.Code == chatclient.CodeNoUserMessage, e.Code == chatclient.CodeRetryMessageNotFound:
		return errMessageNotFound
	case hasTicket && (e.StatusCode == http.StatusNotFound || e.Code == chatclient.CodeConversationMismatch):
		return errConversationNotFound
	case e.StatusCode == http.StatusPaymentRequired, e.Code == chatclient.CodeCreditsExhausted:
		return &httpError{status: http.StatusServiceUnavailable, code: "bot_paused", sentence: "The assistant takes no messages at the moment.", cause: err}
	}
	return unavailable
}

// upstreamMessage is upstream for a visitor's message, of which the service documents
// no limits: what it rejects may be the message's own fault.
func upstreamMessage(err error, hasTicket bool) *httpError {
	status := http.StatusBadRequest
	e, ok := errors.AsType[*chatclient.Error](err)
	switch {
	case ok && e.StatusCode == http.StatusRequestEntityTooLarge:
		status = e.StatusCode
	case !ok || e.Code != chatclient.CodeInvalidBody:
		return upstream(err, hasTicket)
	}
	return &httpError{status: status, code: "message_refused", sentence: "The assistant cannot take this message.", cause: err}
}

// mayHaveArrived reports whether the service may have received a message, although its
// call failed.
func mayHaveArrived(err error) bool {
	e, ok := errors.AsType[*chatclient.Error](err)
	return ok && e.OutcomeUnknown
}

// interrupted returns what ended a reply that had begun.
func interrupted(err error) *httpError {
	switch {
	case errors.Is(err, chatclient.ErrStreamFailed), err == ErrForeignConversation:
		return replyFailed(err)
	case errors.Is(err, ErrReplyTooLong), errors.Is(err, chatclient.ErrTooLong):
		return &httpError{code: "reply_too_long", sentence: "The reply was too long and was ended.", cause: err}
	case errors.Is(err, chatclient.ErrStreamIdle), errors.Is(err, context.DeadlineExceeded): // of the request
		return &httpError{code: "reply_timeout", sentence: "The assistant stopped responding. Please try again.", cause: err}
	}
	return &httpError{code: "reply_cut", sentence: "The reply was cut short. Please try again.", cause: err}
}

func replyFailed(cause error) *httpError {
	return &httpError{code: "reply_failed", sentence: "The assistant could not finish this reply. Please try again.", cause: cause}
}

func (e *httpError) retrySeconds() int { return int(math.Ceil(e.retryAfter.Seconds())) }

// json returns the body of the response.
func (e *httpError) json() []byte {
	b, _ := json.Marshal(struct { // of strings: there is no error
		Version int        `json:"version"`
		Error   errorFrame `json:"error"`
	}{wireVersion, errorFrame{Code: e.code, Sentence: e.sentence, replyTickets: replyTickets{Poll: e.poll}}})
	return b
}

// respondError responds, and reports the cause.
func (p *Proxy) respondError(w http.ResponseWriter, r *http.Request, e *httpError) {
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retrySeconds()))
	}
	respondJSON(w, e.status, e.json())
	p.report(r, e.cause)
}

// report reports an error, if there is one, unless the visitor caused it by leaving.
func (p *Proxy) report(r *http.Request, err error) {
	_, panicked := errors.AsType[*PanicError](err)
	always := panicked || err == ErrNoWriteDeadline || errors.Is(err, ErrWriteFailed) || errors.Is(err, ErrChats)
	if err != nil && (always || !errors.Is(r.Context().Err(), context.Canceled)) {
		p.options.OnError(r, err)
	}
}

// object is a JSON object of a response. Its members are in docs/wire.md.
type object map[string]any

// respond sends an object as JSON, with the version, and reports what was left out of it. It
// returns that there is no other response.
func (p *Proxy) respond(w http.ResponseWriter, r request, body object, odd error) *httpError {
	body["version"] = wireVersion
	b, _ := json.Marshal(body) // of our own types: there is no error
	respondJSON(w, http.StatusOK, b)
	p.report(r.Request, odd)
	return nil
}

// respondJSON sends JSON at once: what the handler does after it must not delay it.
func respondJSON(w http.ResponseWriter, status int, b []byte) {
	b = append(b, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	boundWrite(w)
	w.WriteHeader(status)
	_, _ = w.Write(b) // the visitor may be gone: nothing to do
	_ = http.NewResponseController(w).Flush()
	unboundWrite(w)
}
