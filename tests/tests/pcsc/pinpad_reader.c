/* A reader with keys to type PINs on, as a driver of pcscd (IFD handler 3.0): a card comes to it over TCP as to
 * vsmartcard's vpcd, and what a person types stands in the file KEYS: a PIN, or "cancel", or nothing at all. Where there
 * is a file UNPLUGGED, the reader is not there.
 *
 * Only what PC/SC part 10, revision 2.02.09, says of the feature VERIFY_PIN_DIRECT is understood; anything else that a
 * program may send is an error, so that the program's structure is checked here. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <PCSC/ifdhandler.h>
#include <PCSC/reader.h>

#define KEYS "/run/keys"
#define UNPLUGGED "/run/unplugged"
#define CONTROL_FEATURES SCARD_CTL_CODE(3400)
#define CONTROL_VERIFY SCARD_CTL_CODE(2050)
#define APDU_MAX 65544

static int listener = -1, card = -1;
static unsigned char atr[MAX_ATR_SIZE];
static size_t atr_length;

static int send_all(const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(card, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        bytes += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static int receive_all(unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t got = recv(card, bytes, length, 0);
        if (got <= 0)
            return -1;
        bytes += got;
        length -= (size_t)got;
    }
    return 0;
}

static void lose_card(void)
{
    if (card >= 0)
        close(card);
    card = -1;
    atr_length = 0;
}

static int tell(const unsigned char *body, size_t length)
{
    unsigned char frame[2 + APDU_MAX];
    if (card < 0 || length > APDU_MAX)
        return -1;
    frame[0] = (unsigned char)(length >> 8);
    frame[1] = (unsigned char)length;
    memcpy(frame + 2, body, length);
    return send_all(frame, 2 + length);
}

/* The length of the answer, or -1: then the card is gone. */
static long ask(const unsigned char *body, size_t length, unsigned char *answer, size_t space)
{
    unsigned char prefix[2];
    size_t size;
    if (tell(body, length) == 0 && receive_all(prefix, 2) == 0) {
        size = (size_t)prefix[0] << 8 | prefix[1];
        if (size <= space && receive_all(answer, size) == 0)
            return (long)size;
    }
    lose_card();
    return -1;
}

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR device)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    const char *port = strchr(device, ':');
    int yes = 1;
    (void)lun;
    if (!port || access(UNPLUGGED, F_OK) == 0)
        return IFD_COMMUNICATION_ERROR;
    address.sin_port = htons((unsigned short)strtoul(port + 1, NULL, 16));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
        return IFD_COMMUNICATION_ERROR;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel)
{
    (void)lun, (void)channel;
    return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHCloseChannel(DWORD lun)
{
    (void)lun;
    lose_card();
    close(listener);
    return IFD_SUCCESS;
}

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value)
{
    (void)lun;
    switch (tag) {
    case TAG_IFD_ATR:
    case SCARD_ATTR_ATR_STRING:
        if (*length < atr_length)
            return IFD_ERROR_INSUFFICIENT_BUFFER;
        memcpy(value, atr, atr_length);
        *length = atr_length;
        return IFD_SUCCESS;
    case TAG_IFD_SLOTS_NUMBER:
        *value = 1;
        *length = 1;
        return IFD_SUCCESS;
    default:
        return IFD_ERROR_TAG;
    }
}

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value)
{
    (void)lun, (void)tag, (void)length, (void)value;
    return IFD_NOT_SUPPORTED;
}

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR a, UCHAR b, UCHAR c)
{
    (void)lun, (void)protocol, (void)flags, (void)a, (void)b, (void)c;
    return IFD_SUCCESS;
}

RESPONSECODE IFDHICCPresence(DWORD lun)
{
    const unsigned char what = 4;
    struct timeval patience = { .tv_sec = 2 };
    long length;
    (void)lun;
    if (access(UNPLUGGED, F_OK) == 0) {
        lose_card();
        return IFD_NO_SUCH_DEVICE;
    }
    if (card < 0) {
        card = accept(listener, NULL, NULL);
        if (card < 0)
            return IFD_ICC_NOT_PRESENT;
        setsockopt(card, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    length = ask(&what, 1, atr, sizeof atr);
    atr_length = length > 0 ? (size_t)length : 0;
    return atr_length > 0 ? IFD_ICC_PRESENT : IFD_ICC_NOT_PRESENT;
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR answer, PDWORD length)
{
    const unsigned char off = 0, on = 1, warm = 2;
    const unsigned char *request = action == IFD_POWER_DOWN ? &off : action == IFD_RESET ? &warm : &on;
    (void)lun;
    if (tell(request, 1) != 0)
        return IFD_COMMUNICATION_ERROR;
    *length = action == IFD_POWER_DOWN ? 0 : atr_length;
    memcpy(answer, atr, *length);
    return IFD_SUCCESS;
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send_pci, PUCHAR command, DWORD length, PUCHAR answer,
                               PDWORD answer_length, PSCARD_IO_HEADER receive_pci)
{
    long got = ask(command, length, answer, *answer_length);
    (void)lun, (void)send_pci, (void)receive_pci;
    *answer_length = got < 0 ? 0 : (DWORD)got;
    return got < 0 ? IFD_COMMUNICATION_ERROR : IFD_SUCCESS;
}

static RESPONSECODE reader_says(unsigned char second, PUCHAR answer, LPDWORD returned)
{
    answer[0] = 0x64;
    answer[1] = second;
    *returned = 2;
    return IFD_SUCCESS;
}

/* PIN_VERIFY_STRUCTURE: what the program told, and what the person typed, become a VERIFY command. */
static RESPONSECODE verify(const unsigned char *told, DWORD length, PUCHAR answer, DWORD space, LPDWORD returned)
{
    unsigned char keys[64], command[5 + sizeof keys];
    size_t data, typed = 0;
    long got;
    FILE *file;
    if (length < 19)
        return IFD_COMMUNICATION_ERROR;
    data = told[15] | (size_t)told[16] << 8 | (size_t)told[17] << 16 | (size_t)told[18] << 24;
    /* ASCII from the first byte on, no block to fill, no length in it, confirmed by a key; a bare VERIFY. */
    if (data != 5 || length != 19 + 5 || told[2] != 0x82 || told[3] != 0 || told[4] != 0 || !(told[7] & 2) ||
        told[19] != 0x00 || told[20] != 0x20 || told[23] != 0)
        return IFD_COMMUNICATION_ERROR;
    file = fopen(KEYS, "r");
    if (file) {
        typed = fread(keys, 1, sizeof keys, file);
        fclose(file);
    }
    if (typed == 0)
        return reader_says(0x00, answer, returned);
    if (typed == 6 && memcmp(keys, "cancel", 6) == 0)
        return reader_says(0x01, answer, returned);
    if (typed < told[6] || typed > told[5])
        return reader_says(0x03, answer, returned);
    memcpy(command, told + 19, 4);
    command[4] = (unsigned char)typed;
    memcpy(command + 5, keys, typed);
    got = ask(command, 5 + typed, answer, space);
    *returned = got < 0 ? 0 : (DWORD)got;
    return got < 0 ? IFD_COMMUNICATION_ERROR : IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR sent, DWORD length, PUCHAR answer, DWORD space, LPDWORD returned)
{
    (void)lun;
    *returned = 0;
    if (code == CONTROL_FEATURES && space >= 6) {
        const unsigned long verify_code = CONTROL_VERIFY;
        answer[0] = FEATURE_VERIFY_PIN_DIRECT;
        answer[1] = 4;
        answer[2] = (unsigned char)(verify_code >> 24);
        answer[3] = (unsigned char)(verify_code >> 16);
        answer[4] = (unsigned char)(verify_code >> 8);
        answer[5] = (unsigned char)verify_code;
        *returned = 6;
        return IFD_SUCCESS;
    }
    if (code == CONTROL_VERIFY && space >= 2)
        return verify(sent, length, answer, space, returned);
    return IFD_NOT_SUPPORTED;
}
