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

// refusal is an answer that is not what was asked for: a code and a sentence of
// ours, whatever is behind it.
type refusal struct {
	status     int
	code       string
	sentence   string
	retryAfter time.Duration // 0 where it is not known

	// cause is what the operator is told. It is nil where the fault is the
	// visitor's.
	cause error
}

var (
	errSignIn               = &refusal{status: http.StatusUnauthorized, code: "sign_in_required", sentence: "Please sign in to chat."}
	errCrossSite            = &refusal{status: http.StatusForbidden, code: "cross_site", sentence: "Only pages of this site may ask."}
	errNotFound             = &refusal{status: http.StatusNotFound, code: "not_found", sentence: "There is nothing here."}
	errConversationNotFound = &refusal{status: http.StatusNotFound, code: "conversation_not_found", sentence: "This conversation cannot be found. Please begin a new one."}
	errMessageNotFound      = &refusal{status: http.StatusNotFound, code: "message_not_found", sentence: "This message cannot be found."}
	errMethod               = &refusal{status: http.StatusMethodNotAllowed, code: "method_not_allowed", sentence: "This method is not allowed here."}
	errTooSlow              = &refusal{status: http.StatusRequestTimeout, code: "too_slow", sentence: "The message did not arrive in time. Please try again."}
	errTooLarge             = &refusal{status: http.StatusRequestEntityTooLarge, code: "too_large", sentence: "The message is too long."}
	errNotJSON              = &refusal{status: http.StatusUnsupportedMediaType, code: "not_json", sentence: "The Content-Type must be application/json."}
	errBusy                 = &refusal{status: http.StatusTooManyRequests, code: "busy", sentence: "The chat is busy. Please try again in a moment.", retryAfter: time.Second}
	errTooManyStreams       = &refusal{status: http.StatusTooManyRequests, code: "too_many_streams", sentence: "Please wait until another reply has ended.", retryAfter: time.Second}
)

// invalid is the visitor's own fault. The rule is constant text.
func invalid(rule string) *refusal {
	return &refusal{status: http.StatusBadRequest, code: "invalid_request", sentence: rule}
}

func tooManyRequests(retryAfter time.Duration) *refusal {
	return &refusal{status: http.StatusTooManyRequests, code: "too_many_requests", sentence: "These were too many messages at once. Please wait a moment.", retryAfter: retryAfter}
}

// internal is the site's own fault.
func internal(cause error) *refusal {
	return &refusal{status: http.StatusInternalServerError, code: "internal_error", sentence: "Something went wrong. Please try again later.", cause: cause}
}

// upstream is the refusal for what a call of the client gave.
func upstream(err error, hasTicket bool) *refusal {
	unavailable := &refusal{status: http.StatusBadGateway, code: "bot_unavailable", sentence: "The assistant is not available at the moment.", cause: err}
	e, ok := errors.AsType[*chatclient.Error](err)
	if !ok {
		return unavailable // an argument that only we can have got wrong
	}
	// By the fields, since errors.Is would find a refusal before the last as well.
	switch {
	case errors.Is(err, chatclient.ErrLimiter), e.StatusCode == http.StatusTooManyRequests:
		return &refusal{status: http.StatusTooManyRequests, code: "busy", sentence: "The assistant is busy. Please try again in a moment.", retryAfter: max(e.RetryAfter, time.Second), cause: err}
	case errors.Is(err, chatclient.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return &refusal{status: http.StatusGatewayTimeout, code: "bot_timeout", sentence: "The assistant did not answer in time. Please try again.", cause: err}
	case e.Code == chatclient.CodeConversationNotOngoing:
		return &refusal{status: http.StatusConflict, code: "conversation_ended", sentence: "This conversation has ended. Please begin a new one."}
	case e.Code == chatclient.CodeMessageNotAssistant:
		return &refusal{status: http.StatusBadRequest, code: "not_assistant", sentence: "Only a reply of the assistant can be rated."}
	case e.Code == chatclient.CodeMessageNotFound:
		return errMessageNotFound
	case e.StatusCode == http.StatusNotFound && hasTicket:
		return errConversationNotFound
	case e.StatusCode == http.StatusPaymentRequired, e.Code == chatclient.CodeCreditsExhausted:
		return &refusal{status: http.StatusServiceUnavailable, code: "bot_paused", sentence: "The assistant takes no messages at the moment.", cause: err}
	}
	return unavailable
}

// withMessage is upstream for a message of the visitor's, of which the service
// documents no limits: what it refuses there may be the message's own fault.
func withMessage(err error, hasTicket bool) *refusal {
	e, ok := errors.AsType[*chatclient.Error](err)
	refused := &refusal{status: http.StatusBadRequest, code: "message_refused", sentence: "The assistant cannot take this message.", cause: err}
	switch {
	case ok && e.StatusCode == http.StatusRequestEntityTooLarge:
		refused.status = e.StatusCode
		return refused
	case ok && e.Code == chatclient.CodeInvalidBody:
		return refused
	}
	return upstream(err, hasTicket)
}

// interrupted names what ended a reply that had begun.
func interrupted(err error) (code, sentence string) {
	switch {
	case errors.Is(err, chatclient.ErrStreamFailed), err == ErrForeignConversation:
		return "reply_failed", "The assistant could not finish this reply. Please try again."
	case errors.Is(err, ErrReplyTooLong), errors.Is(err, chatclient.ErrTooLong):
		return "reply_too_long", "The reply was too long and was ended."
	case errors.Is(err, chatclient.ErrStreamIdle), errors.Is(err, context.DeadlineExceeded): // of the request
		return "reply_timeout", "The assistant fell silent. Please try again."
	}
	return "reply_cut", "The reply was cut short. Please try again."
}

// refuse answers with a refusal, and tells the operator what is behind it.
func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, e *refusal) {
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatFloat(math.Ceil(e.retryAfter.Seconds()), 'f', -1, 64))
	}
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	answer(w, e.status, struct {
		Version int  `json:"version"`
		Error   body `json:"error"`
	}{wireVersion, body{e.code, e.sentence}})
	p.report(r, e.cause)
}

// report tells the operator of an error, if there is one, unless the visitor
// caused it by leaving.
func (p *Proxy) report(r *http.Request, err error) {
	_, panicked := errors.AsType[*PanicError](err)
	if err != nil && (panicked || !errors.Is(r.Context().Err(), context.Canceled)) {
		p.onError(r, err)
	}
}

// answer sends JSON at once: what the handler does after it must not delay it.
func answer(w http.ResponseWriter, status int, body any) {
	b, _ := json.Marshal(body) // of our own types: there is no error
	b = append(b, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	boundWrite(w)
	w.WriteHeader(status)
	_, _ = w.Write(b) // the visitor may be gone: nothing to do
	_ = http.NewResponseController(w).Flush()
	unboundWrite(w)
}
