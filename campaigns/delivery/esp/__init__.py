"""Email service providers, one file each: how a mail becomes their API call, and what their answer means."""

ESP_SCHEMES = ("resend", "sendgrid", "postmark", "ses", "mailgun", "sparkpost", "brevo")
