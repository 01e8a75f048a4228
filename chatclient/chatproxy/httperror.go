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

// httpError is an error response or, after a reply has begun, an error frame. Its code and
// sentence are constant, whatever the cause.
type httpError struct {
	status     int // 0 if it can only be a frame
	code       string
	sentence   string        // for the visitor
	retryAfter time.Duration // 0 if unknown
	poll       string        // the ticket, if a person has the conversation
	cause      error         // for OnError; nil if the error is the visitor's
}

func newHTTPError(status int, code, sentence string) *httpError {
	return &httpError{status: status, code: code, sentence: sentence}
}

var (
	errSignIn               = newHTTPError(http.StatusUnauthorized, "sign_in_required", "Please sign in to chat.")
	errCrossSite            = newHTTPError(http.StatusForbidden, "cross_site", "Only pages of this site may ask.")
	errConversationNotFound = newHTTPError(http.StatusNotFound, "conversation_not_found", "This conversation cannot be found. Please begin a new one.")
	errMessageNotFound      = newHTTPError(http.StatusNotFound, "message_not_found", "This message cannot be found.")
	errToolCallNotFound     = newHTTPError(http.StatusNotFound, "tool_call_not_found", "This result is not expected.")
	errEdit                 = newHTTPError(http.StatusBadRequest, "edit_unsupported", "A message that was sent cannot be changed.")
	errMethod               = newHTTPError(http.StatusMethodNotAllowed, "method_not_allowed", "This method is not allowed here.")
	errTooSlow              = newHTTPError(http.StatusRequestTimeout, "too_slow", "The message did not arrive in time. Please try again.")
	errEnded                = newHTTPError(http.StatusConflict, "conversation_ended", "This conversation has ended. Please begin a new one.")
	errNotHeld              = newHTTPError(http.StatusConflict, "conversation_not_held", "The assistant has this conversation again.")
	errReplyPending         = &httpError{status: http.StatusConflict, code: "reply_pending", sentence: "The first reply is still on its way. Please try again in a moment.", retryAfter: 5 * time.Second}
	errTooLarge             = newHTTPError(http.StatusRequestEntityTooLarge, "too_large", "The message is too long.")
	errNotJSON              = newHTTPError(http.StatusUnsupportedMediaType, "not_json", "The Content-Type must be application/json.")
	errBusy                 = &httpError{status: http.StatusTooManyRequests, code: "busy", sentence: "The chat is busy. Please try again in a moment.", retryAfter: time.Second}
	errTooManyStreams       = &httpError{status: http.StatusTooManyRequests, code: "too_many_streams", sentence: "Please wait until another reply has ended.", retryAfter: time.Second}
)

// invalid returns the response to a request that breaks a rule.
func invalid(rule string) *httpError {
	return newHTTPError(http.StatusBadRequest, "invalid_request", rule)
}

func tooManyRequests(retryAfter time.Duration) *httpError {
	return &httpError{status: http.StatusTooManyRequests, code: "too_many_requests", sentence: "These were too many requests at once. Please wait a moment.", retryAfter: retryAfter}
}

// internal returns the response after a failure of the site.
func internal(cause error) *httpError {
	return &httpError{status: http.StatusInternalServerError, code: "internal_error", sentence: "Something went wrong. Please try again later.", cause: cause}
}

// held returns the response if a person has the conversation and the service rejected the
// message.
func held(poll string) *httpError {
	return &httpError{status: http.StatusConflict, code: "conversation_held", sentence: "A person has this conversation and takes no messages here at the moment.", poll: poll}
}

// upstream returns the response for an error of the client.
func upstream(err error, hasTicket bool) *httpError {
	unavailable := &httpError{status: http.StatusBadGateway, code: "bot_unavailable", sentence: "The assistant is not available at the moment.", cause: err}
	e, ok := errors.AsType[*chatclient.Error](err)
	if !ok {
		return unavailable // a *FieldError, of an argument that the visitor does not choose
	}
	switch {
	case errors.Is(err, chatclient.ErrLimiter), e.StatusCode == http.StatusTooManyRequests:
		return &httpError{status: http.StatusTooManyRequests, code: "busy", sentence: "The assistant is busy. Please try again in a moment.", retryAfter: max(e.RetryAfter, time.Second), cause: err}
	case errors.Is(err, chatclient.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return &httpError{status: http.StatusGatewayTimeout, code: "bot_timeout", sentence: "The assistant did not respond in time. Please try again.", cause: err}
	case e.Code == chatclient.CodeConversationNotOngoing:
		return errEnded
	case e.Code == chatclient.CodeMessageNotAssistant:
		return newHTTPError(http.StatusBadRequest, "not_assistant", "Only a reply of the assistant can be rated.")
	case e.Code == chatclient.CodeMessageNotFound, e.Code == chatclient.CodeNoUserMessage, e.Code == chatclient.CodeRetryMessageNotFound:
		return errMessageNotFound
	case hasTicket && (e.StatusCode == http.StatusNotFound || e.Code == chatclient.CodeConversationMismatch):
		return errConversationNotFound
	case e.StatusCode == http.StatusPaymentRequired, e.Code == chatclient.CodeCreditsExhausted:
		return &httpError{status: http.StatusServiceUnavailable, code: "bot_paused", sentence: "The assistant takes no messages at the moment.", cause: err}
	}
	return unavailable
}

// upstreamMessage is like upstream, but the service may have rejected the text of the message:
// it does not document what it accepts.
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

// interrupted returns the error frame for the error that ended a reply.
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

// report calls OnError, unless err is nil or follows from the end of the request.
func (p *Proxy) report(r *http.Request, err error) {
	_, panicked := errors.AsType[*PanicError](err)
	always := panicked || err == ErrNoWriteDeadline || errors.Is(err, ErrWriteFailed) || errors.Is(err, ErrChats)
	if err != nil && (always || !errors.Is(r.Context().Err(), context.Canceled)) {
		p.options.OnError(r, err)
	}
}

// object is a JSON object of a response, as docs/wire.md specifies it.
type object map[string]any

// respond sends an object as JSON, with the version, and reports omitted, which says why a part of
// it was left out. It returns nil, for the caller's return statement.
func (p *Proxy) respond(w http.ResponseWriter, r request, body object, omitted error) *httpError {
	body["version"] = wireVersion
	b, _ := json.Marshal(body) // all members can be encoded: there is no error
	respondJSON(w, http.StatusOK, b)
	p.report(r.Request, omitted)
	return nil
}

// respondJSON sends and flushes JSON, so that OnError does not delay it.
func respondJSON(w http.ResponseWriter, status int, b []byte) {
	b = append(b, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	boundWrite(w)
	w.WriteHeader(status)
	_, _ = w.Write(b) // the visitor may have left
	_ = http.NewResponseController(w).Flush()
	unboundWrite(w)
}
