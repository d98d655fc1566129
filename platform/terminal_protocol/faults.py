"""Sentences for the fault codes of a record."""

_FIELDS = {
    "temperature": "the temperature",
    "similarity": "the similarity",
    "mask": "the mask field",
    "actioncode": "the direction code",
    "opencode": "the opening code",
    "userid": "the user ID",
    "username": "the name",
    "usertype": "the user type",
    "uuid": "the device number",
    "nationcode": "the area code",
    "action": "the direction",
    "openmsg": "the opening text",
    "deviceid": "the device ID",
    "idcardinfo": "the ID card",
    "id_card_name": "the name on the ID card",
    "id_card_gender": "the sex on the ID card",
    "id_card_national": "the ethnic group on the ID card",
    "id_card_birthday": "the birthday on the ID card",
    "id_card_address": "the address on the ID card",
    "id_card_id": "the ID card's number",
    "id_card_maker": "the ID card's issuer",
    "id_card_startdate": "the ID card's first day",
    "id_card_enddate": "the ID card's last day",
}
_ENDINGS = {
    "_unreadable": "could not be understood",
    "_wrong_type": "was not a simple value",
    "_truncated": "was far too long and was cut",
    "_too_long": "is longer than the protocol allows",
}
FAULT_WORDS: dict[str, str] = {
    "temperature_out_of_range": "the temperature is none of a living person and was set aside",
    "temperature_unit_unknown": "the temperature's unit is not known; it was set aside",
    "captured_at_missing": "the terminal did not say when",
    "captured_at_unreadable": "the moment could not be understood",
    "image_missing": "there was no picture",
    "image_given_up": "the terminal had no room to keep the picture until it could be sent",
    "image_not_base64": "the picture was not sent as base64",
    "image_empty": "the picture was empty",
    "image_not_an_image": "the picture is no picture",
    "image_truncated": "the picture broke off",
    "image_too_large": "the picture is larger than allowed",
    "image_waits": "the picture is kept as it came until the terminal is approved",
    "image_not_kept": "the picture was not kept: there was no room until the terminal is approved",
    "image_unsupported_format": "the picture has a format that is not supported",
    "picture_is_photo_on_file": "the picture is the person's photo on file, sent back",
    "record_cut_down": "the record could not be stored with all it said",
    "message_broken_off": "the message broke off, so it opened nothing",
    "message_of_several": "it came in one message with a newer record, so it opened nothing",
    "extras_too_large": "there were more unknown fields than can be kept",
    "extras_shortened": "an unknown field was too long to be kept; its length is noted",
    "clock_skew": "the terminal's clock is off by more than five minutes",
    "device_id_differs": "the device ID in the message is not the one in the address",
    "verification_unavailable": "the platform could not look at the picture",
    "content_encoding_wrong": "the message was not compressed as it said",
    "compressed_truncated": "the compressed message broke off",
    "json_bom": "the message began with a byte order mark",
    "json_encoding": "the message was not in UTF-8",
    "json_control_characters": "the message had line breaks inside its values",
    "characters_removed": "control characters or halves of characters were left out of a text",
    "json_cesu8": "the message had characters written as two halves",
    "json_cut_characters": "the message had characters that were cut or damaged",
    "json_not_a_number": "the message had a value that is no number, NaN or Infinity",
    "json_duplicate_keys": "the message said something twice, and not the same",
    "push_unreadable": "a pushed message could not be read; its records were fetched instead",
    "record_unreadable": "an entry in the terminal's list of records could not be read",
    "json_in_text": "the message was a text with a message inside",
    "result_not_an_object": "one of the results was no object",
    "result_user_id_too_long": "the user ID of one of the results is longer than any on file",
    "result_without_user": "one of the results named nobody",
    "results_too_many": "there were more results than are read at once",
    "json_syntax": "the message was no correct JSON and was repaired",
    "form_encoded": "the message came as a form",
}


def fault_words(fault: str) -> str:
    """Return the sentence of a fault code; an unknown code is returned unchanged."""
    if fault in FAULT_WORDS:
        return FAULT_WORDS[fault]
    if fault.startswith("id_card_image_"):
        picture = FAULT_WORDS.get(fault.removeprefix("id_card_"), fault)
        return picture.replace("the picture", "the ID card's picture", 1)
    for ending, words in _ENDINGS.items():
        if fault.endswith(ending):
            field = fault.removesuffix(ending)
            return f"{_FIELDS.get(field, field)} {words}"
    return fault
