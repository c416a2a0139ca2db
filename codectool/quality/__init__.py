"""Quality: metrics of decoded audio, rate-quality tables of codecs, `codec bench`, and the listening page."""
